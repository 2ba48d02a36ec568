import type { Request, RequestHandler } from 'express';
import { Unauthenticated } from '../errors.ts';
import { bearerTokenBeside, bearerTokenOf } from './bearer-grammar.ts';
import { principalOf, setPrincipal } from './principal.ts';
import type { Verifier } from './verifier.ts';

/**
 * Binds a verifier once and returns the authentication step that routes use: whoever comes without a good token
 * goes no further.
 *
 * @throws (on a request) `Unauthenticated`, `InvalidRequest`, `InvalidToken`, `UpstreamUnavailable`.
 *
 * @example
 * const bearerAuth = createBearerAuth(verifier);
 * app.get('/api/me', bearerAuth(), authenticatedRoute(), showMe);
 */
export function createBearerAuth(verifier: Pick<Verifier, 'verify'>): () => RequestHandler {
  return function bearerAuth() {
    return async function bearerAuthentication(req, _res, next) {
      const token = tokenOf(req);
      if (token !== undefined) setPrincipal(req, await verifier.verify(token));
      if (!principalOf(req)) throw new Unauthenticated();
      next();
    };
  };
}

/**
 * Authentication that may be left out: no credentials → anonymous, bad ones → the same refusal as ever.
 *
 * @example
 * const optionalAuth = createOptionalAuth(verifier);
 * app.get('/api/feed', optionalAuth(), showFeed);
 */
export function createOptionalAuth(verifier: Pick<Verifier, 'verify'>): () => RequestHandler {
  return function optionalAuth() {
    return async function optionalAuthentication(req, _res, next) {
      const token = tokenOf(req);
      if (token !== undefined) setPrincipal(req, await verifier.verify(token));
      next();
    };
  };
}

/** A session step before this one may have found the caller already. */
function tokenOf(req: Request): string | undefined {
  return principalOf(req) ? bearerTokenBeside(req) : bearerTokenOf(req);
}
