import { newSecret } from '../../directory/ids.ts';
import type { ApplicationRecord } from '../../directory/records.ts';
import type { Issuer } from '../../issuer.ts';
import { many, single, words } from '../authorization-request.ts';
import { isPublic } from '../client-authentication.ts';
import { clientSettingsOf } from '../client-settings.ts';
import type { RefreshTokenRecord } from '../issued-state.ts';
import { invalidGrant, invalidTarget, OidcError } from '../oidc-error.ts';
import { nowSeconds, signIdToken } from '../sign-tokens.ts';
import type { GrantHandler } from '../token-endpoint.ts';
import { issueUserAccessToken } from './user-tokens.ts';

/** Parallel requests of a public client may use the replaced token for so long; later use is theft. */
const REUSE_LEEWAY_MS = 3_000;
/** Confidential clients keep their token until this share of its life is over. */
const ROTATE_AFTER_SHARE = 0.7;
const CONFIDENTIAL_CAP_SECONDS = 365 * 86_400;

export const refresh: GrantHandler = async (issuer, application, parameters) => {
  const { issued, directory } = issuer;
  const id = single(parameters, 'refresh_token');
  if (id === undefined) throw new OidcError('invalid_request', "missing required parameter 'refresh_token'");
  const token = issued.live(issued.refreshTokens, id);
  const grant = issued.live(issued.grants, token?.grantId);
  if (!token || token.clientId !== application.id || !grant) throw invalidGrant();
  if (token.consumedAt !== undefined && issuer.clock.now() - token.consumedAt > REUSE_LEEWAY_MS) {
    issued.endGrant(token.grantId);
    throw invalidGrant();
  }
  const user = directory.users.get(token.userId);
  if (!user || user.isSuspended) throw invalidGrant();

  const narrowTo = single(parameters, 'scope') === undefined ? undefined : words(parameters, 'scope');
  const missing = narrowTo?.filter((scope) => !token.scopes.includes(scope)) ?? [];
  if (missing.length > 0)
    throw new OidcError('invalid_scope', 'refresh token missing requested scope', {
      scope: missing.join(' '),
    });
  const resources = many(parameters, 'resource');
  const resource = resources.length === 1 ? resources[0] : undefined;
  if (resource !== undefined && !token.resources.includes(resource)) throw invalidTarget();
  const organizationId = single(parameters, 'organization_id');

  const access = await issueUserAccessToken(issuer, {
    user,
    clientId: application.id,
    grantId: token.grantId,
    scopes: token.scopes,
    resourceScopes: grant.resourceScopes,
    ...(narrowTo ? { narrowTo } : {}),
    ...(resource === undefined ? {} : { resource }),
    ...(organizationId === undefined ? {} : { organizationId }),
    via: 'refresh_token',
  });
  const scopes = narrowTo ?? token.scopes;
  const idToken = scopes.includes('openid')
    ? await signIdToken(issuer, {
        user,
        application,
        scopes,
        accessToken: access.token,
        ...(token.sid === undefined ? {} : { sid: token.sid }),
      })
    : undefined;
  return {
    access_token: access.token,
    expires_in: access.ttlSeconds,
    ...(idToken === undefined ? {} : { id_token: idToken }),
    refresh_token: rotated(issuer, application, token),
    scope: access.scope,
    token_type: 'Bearer',
  };
};

/** The token to use from now on: a new one for public clients, and late in its life for the others. */
function rotated(issuer: Issuer, application: ApplicationRecord, token: RefreshTokenRecord): string {
  const now = nowSeconds(issuer);
  const ageSeconds = now - token.issuedAt;
  const lifeSeconds = token.expiresAt / 1000 - token.issuedAt;
  const due = ageSeconds >= lifeSeconds * ROTATE_AFTER_SHARE && ageSeconds < CONFIDENTIAL_CAP_SECONDS;
  const { rotateRefreshToken, refreshTokenTtlSeconds } = clientSettingsOf(application);
  if (!rotateRefreshToken || (!isPublic(application) && !due)) return token.id;

  issuer.issued.refreshTokens.patch(token.id, { consumedAt: token.consumedAt ?? issuer.clock.now() });
  const { consumedAt: _, ...kept } = token;
  const next = issuer.issued.refreshTokens.put({
    ...kept,
    id: newSecret(43),
    issuedAt: now,
    // A single page application inherits what is left: its sessions do not slide.
    expiresAt: application.type === 'SPA' ? token.expiresAt : (now + refreshTokenTtlSeconds) * 1000,
  });
  issuer.issuedLog.add({
    kind: 'refresh',
    via: 'rotation',
    subject: token.userId,
    clientId: token.clientId,
  });
  return next.id;
}
