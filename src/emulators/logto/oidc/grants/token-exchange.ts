import { decodeProtectedHeader } from 'jose';
import type { UserRecord } from '../../directory/records.ts';
import type { Issuer } from '../../issuer.ts';
import { many, single, words } from '../authorization-request.ts';
import { invalidGrant, OidcError } from '../oidc-error.ts';
import { requireMembership, requireResource } from '../resource-tokens.ts';
import type { GrantHandler } from '../token-endpoint.ts';
import { verifyOwnToken } from '../verify-own-token.ts';
import { issueUserAccessToken } from './user-tokens.ts';

const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';
const IMPERSONATION = 'urn:logto:token-type:impersonation_token';
const PERSONAL = 'urn:logto:token-type:personal_access_token';

/** RFC 8693: an impersonation token, a personal access token or an access token becomes one for a resource. */
export const exchangeToken: GrantHandler = async (issuer, application, parameters) => {
  if (application.customClientMetadata.allowTokenExchange !== true)
    throw new OidcError('invalid_request', 'token exchange is not allowed for this client');
  const subjectToken = required(parameters, 'subject_token');
  const type = required(parameters, 'subject_token_type');
  if (![ACCESS_TOKEN, IMPERSONATION, PERSONAL].includes(type)) throw invalidGrant();

  const user = await subjectOf(issuer, subjectToken, type);
  if (user.isSuspended) throw invalidGrant();
  const actor = await actorOf(issuer, parameters);
  const resource = many(parameters, 'resource')[0];
  if (resource !== undefined) requireResource(issuer, resource);
  const organizationId = single(parameters, 'organization_id');
  if (organizationId !== undefined) requireMembership(issuer, user, organizationId, false);
  // Once: taken before the first await that follows the refusals, so that of parallel exchanges one succeeds.
  if (
    (type === IMPERSONATION || subjectToken.startsWith('sub_')) &&
    !issuer.issued.subjectTokens.delete(subjectToken)
  )
    throw invalidGrant();

  const scopes = words(parameters, 'scope');
  // An opaque token is looked up by its grant: it dies with it, as when the user is suspended.
  const opaque = resource === undefined && organizationId === undefined;
  const grantId = opaque ? startGrant(issuer, user.id, application.id) : '';
  const access = await issueUserAccessToken(issuer, {
    user,
    clientId: application.id,
    grantId,
    scopes: organizationId === undefined ? scopes : [...scopes, 'urn:logto:scope:organizations'],
    narrowTo: scopes,
    ...(resource === undefined ? {} : { resource }),
    ...(organizationId === undefined ? {} : { organizationId }),
    ...(actor === undefined ? {} : { actor }),
    via: 'token_exchange',
  });
  return {
    access_token: access.token,
    expires_in: access.ttlSeconds,
    scope: access.scope,
    token_type: 'Bearer',
  };
};

function startGrant({ issued }: Issuer, userId: string, clientId: string): string {
  return issued.startGrant({ userId, clientId, resourceScopes: {}, persistsLogout: true }).id;
}

async function subjectOf(issuer: Issuer, token: string, type: string): Promise<UserRecord> {
  const { issued, directory } = issuer;
  const kept = issued.live(issued.subjectTokens, token);
  const legacy = type === ACCESS_TOKEN && token.startsWith('sub_');
  const wanted = type === PERSONAL ? 'personal' : 'impersonation';
  if (type !== ACCESS_TOKEN || legacy) return known(kept?.kind === wanted ? kept.userId : undefined);
  const opaque = issued.live(issued.accessTokens, token);
  if (opaque) return known(issued.grantLives(opaque.grantId) ? opaque.userId : undefined);
  const claims = isJwt(token) ? await verifyOwnToken(issuer, token) : undefined;
  return known(claims && claims.client_id !== claims.sub ? claims.sub : undefined);

  function known(userId: string | undefined): UserRecord {
    const user = directory.users.get(userId);
    if (!user) throw invalidGrant();
    return user;
  }
}

/** Who sits at the keyboard: an opaque token with `openid` of another user. */
async function actorOf(issuer: Issuer, parameters: Record<string, unknown>): Promise<string | undefined> {
  const token = single(parameters, 'actor_token');
  if (token === undefined) return undefined;
  if (single(parameters, 'actor_token_type') !== ACCESS_TOKEN) throw invalidGrant();
  const row = issuer.issued.live(issuer.issued.accessTokens, token);
  if (!row || !issuer.issued.grantLives(row.grantId) || !row.scope.split(' ').includes('openid'))
    throw invalidGrant();
  return row.userId;
}

function required(parameters: Record<string, unknown>, name: string): string {
  const value = single(parameters, name);
  if (value === undefined) throw new OidcError('invalid_request', `missing required parameter '${name}'`);
  return value;
}

function isJwt(token: string): boolean {
  try {
    return typeof decodeProtectedHeader(token).alg === 'string';
  } catch {
    return false;
  }
}
