import { type RequestHandler, Router, urlencoded } from 'express';
import type { Issuer } from '../issuer.ts';
import { single } from './authorization-request.ts';
import { authenticateClient, isPublic } from './client-authentication.ts';
import { invalidToken, missingOpenid, OidcError } from './oidc-error.ts';
import { userClaims } from './user-claims.ts';

const looksLikeJwt = (token: string) => token.split('.').length === 3;

/** `/oidc/me`, introspection (RFC 7662) and revocation (RFC 7009). */
export function createTokenInspection(issuer: Issuer): Router {
  const { issued, directory } = issuer;
  const form = urlencoded({ extended: false });

  function opaqueOf(token: string) {
    const row = issued.live(issued.accessTokens, token);
    const user = directory.users.get(row?.userId);
    return row && user && !user.isSuspended && issued.grantLives(row.grantId) ? { row, user } : undefined;
  }

  const userinfo: RequestHandler = function userinfo(req, res) {
    res.set('Access-Control-Expose-Headers', 'WWW-Authenticate');
    const header = req.headers.authorization ?? '';
    const [scheme, token = ''] = header.split(' ');
    const found = scheme?.toLowerCase() === 'bearer' ? opaqueOf(token) : undefined;
    if (header === '') throw new OidcError('invalid_request', 'no access token provided');
    if (!found) throw invalidToken(issuer.issuer);
    if (!found.row.scope.split(' ').includes('openid')) throw missingOpenid(issuer.issuer);
    res.json(userClaims(directory, found.user, found.row.scope.split(' '), { userinfo: true }));
  };

  const introspect: RequestHandler = function introspect(req, res) {
    res.set('Cache-Control', 'no-store');
    const application = authenticateClient(issuer, req);
    const token = requiredToken(req.body);
    if (issuer.version === '1.42' && looksLikeJwt(token))
      throw structuredToken('introspected', 'introspection');
    const active = activeAccess(token) ?? activeRefresh(token);
    // Anybody can call as a public application: it is told about its own tokens alone.
    const hidden = isPublic(application) && active?.client_id !== application.id;
    res.json(active && !hidden ? active : { active: false });
  };

  function activeAccess(token: string) {
    const found = opaqueOf(token);
    if (!found) return undefined;
    const { userId, clientId, issuedAt, expiresAt, scope } = found.row;
    return {
      active: true,
      sub: userId,
      client_id: clientId,
      exp: expiresAt / 1000,
      iat: issuedAt,
      iss: issuer.issuer,
      scope,
      token_type: 'Bearer',
    };
  }

  function activeRefresh(token: string) {
    const row = issued.live(issued.refreshTokens, token);
    const user = directory.users.get(row?.userId);
    if (!row || !user || user.isSuspended || row.consumedAt !== undefined || !issued.grantLives(row.grantId))
      return undefined;
    return {
      active: true,
      sub: row.userId,
      client_id: row.clientId,
      exp: row.expiresAt / 1000,
      iat: row.issuedAt,
      iss: issuer.issuer,
      scope: row.scopes.join(' '),
    };
  }

  const revoke: RequestHandler = function revoke(req, res) {
    const application = authenticateClient(issuer, req);
    const token = requiredToken(req.body);
    if (issuer.version === '1.42' && looksLikeJwt(token)) throw structuredToken('revoked', 'revocation');
    const row = issued.accessTokens.get(token) ?? issued.refreshTokens.get(token);
    // Another application's token is none of its business; the answer does not tell.
    if (row && row.clientId === application.id) {
      issued.accessTokens.delete(token);
      if (issued.refreshTokens.delete(token) && row.grantId) issued.endGrant(row.grantId);
    }
    res.status(200).end();
  };

  return Router()
    .get('/me', userinfo)
    .post('/me', userinfo)
    .post('/token/introspection', form, introspect)
    .post('/token/revocation', form, revoke);
}

function requiredToken(body: unknown): string {
  const token = single((body ?? {}) as Record<string, unknown>, 'token');
  if (token === undefined) throw new OidcError('invalid_request', "missing required parameter 'token'");
  return token;
}

function structuredToken(verb: string, endpoint: string): OidcError {
  return new OidcError(
    'unsupported_token_type',
    `Structured JWT Tokens cannot be ${verb} via the ${endpoint}_endpoint`,
  );
}
