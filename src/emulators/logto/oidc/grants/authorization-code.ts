import { createHash, timingSafeEqual } from 'node:crypto';
import { newSecret } from '../../directory/ids.ts';
import { many, single } from '../authorization-request.ts';
import { clientSettingsOf } from '../client-settings.ts';
import type { CodeRecord } from '../issued-state.ts';
import { invalidGrant, invalidTarget, OidcError } from '../oidc-error.ts';
import { nowSeconds, signIdToken } from '../sign-tokens.ts';
import type { GrantHandler } from '../token-endpoint.ts';
import { issueUserAccessToken } from './user-tokens.ts';

/** Exchanges a code: once, by the application it was made for, to the same address, with its verifier. */
export const exchangeCode: GrantHandler = async (issuer, application, parameters) => {
  const { issued, directory } = issuer;
  const id = single(parameters, 'code');
  if (id === undefined) throw new OidcError('invalid_request', "missing required parameter 'code'");
  const code = issued.live(issued.codes, id);
  if (!code || code.request.clientId !== application.id) throw invalidGrant();
  if (code.consumedAt !== undefined) {
    // A code that comes twice was stolen on one of its ways: nothing that it gave stays good.
    issued.endGrant(code.grantId);
    throw invalidGrant();
  }
  const { request } = code;
  if (single(parameters, 'redirect_uri') !== request.redirectUri) throw invalidGrant();
  requireWellFormedVerifier(single(parameters, 'code_verifier'));
  if (!verifierFits(request.codeChallenge, single(parameters, 'code_verifier'))) throw invalidGrant();
  const user = directory.users.get(code.userId);
  const grant = issued.live(issued.grants, code.grantId);
  if (!user || user.isSuspended || !grant) throw invalidGrant();

  const resources = many(parameters, 'resource');
  const resource = resources.length === 1 ? resources[0] : undefined;
  if (resource !== undefined && !request.resources.includes(resource)) throw invalidTarget();

  issued.codes.patch(code.id, { consumedAt: issuer.clock.now() });
  const access = await issueUserAccessToken(issuer, {
    user,
    clientId: application.id,
    grantId: code.grantId,
    scopes: request.scopes,
    resourceScopes: grant.resourceScopes,
    ...(resource === undefined ? {} : { resource }),
    via: 'authorization_code',
  });
  const idToken = await signIdToken(issuer, {
    user,
    application,
    scopes: request.scopes,
    accessToken: access.token,
    ...(request.nonce === undefined ? {} : { nonce: request.nonce }),
    ...(code.sid === undefined ? {} : { sid: code.sid }),
  });
  const { alwaysIssueRefreshToken, refreshTokenTtlSeconds } = clientSettingsOf(application);
  const refreshable = alwaysIssueRefreshToken || request.scopes.includes('offline_access');
  const refreshToken = refreshable ? startRefreshing(code) : undefined;
  return {
    access_token: access.token,
    expires_in: access.ttlSeconds,
    id_token: idToken,
    ...(refreshToken === undefined ? {} : { refresh_token: refreshToken }),
    scope: access.scope,
    token_type: 'Bearer',
  };

  function startRefreshing({ grantId, userId, sid }: CodeRecord): string {
    const issuedAt = nowSeconds(issuer);
    const row = issued.refreshTokens.put({
      id: newSecret(43),
      grantId,
      userId,
      clientId: application.id,
      scopes: request.scopes,
      resources: request.resources,
      ...(sid === undefined ? {} : { sid }),
      issuedAt,
      expiresAt: (issuedAt + refreshTokenTtlSeconds) * 1000,
    });
    issuer.issuedLog.add({
      kind: 'refresh',
      via: 'authorization_code',
      subject: userId,
      clientId: application.id,
    });
    return row.id;
  }
};

/** RFC 7636 §4.1. */
function requireWellFormedVerifier(verifier: string | undefined): void {
  if (verifier !== undefined && !/^[\w~.-]{43,128}$/.test(verifier))
    throw new OidcError('invalid_request', 'code_verifier must be a string with a length of 43 to 128');
}

/** RFC 7636 §4.6. A verifier without a challenge is refused too (a downgrade). */
function verifierFits(challenge: string | undefined, verifier: string | undefined): boolean {
  if (challenge === undefined || verifier === undefined) return challenge === verifier;
  const actual = Buffer.from(createHash('sha256').update(verifier).digest('base64url'));
  const expected = Buffer.from(challenge);
  return actual.length === expected.length && timingSafeEqual(actual, expected);
}
