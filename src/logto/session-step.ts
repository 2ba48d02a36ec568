import type { RequestHandler } from 'express';
import { bearerTokenBeside } from '../auth/bearer-grammar.ts';
import { principalOf, setPrincipal } from '../auth/principal.ts';
import type { Verifier } from '../auth/verifier.ts';
import { InvalidRequest, PermissionDenied } from '../errors.ts';
import type { BrowserSessions } from './browser-sessions.ts';
import { isSameOrigin, isWrite } from './same-origin.ts';
import type { SessionPrincipals } from './session-principal.ts';

/**
 * The authentication step of browsers: reads the session cookie and sets the same Principal that a bearer token
 * would give, or leaves it unset.
 *
 * @throws (on a request) UpstreamUnavailable when Logto or the database cannot be asked, which is no sign-out;
 *   PermissionDenied on a write that no page of ours has sent, and while the session's organization refuses the
 *   person; InvalidRequest when a bearer token of somebody else came along.
 */
export function createSessionStep(options: {
  origin: string;
  sessions: BrowserSessions;
  principals: SessionPrincipals;
  verifier: Pick<Verifier, 'verify'>;
}): () => RequestHandler {
  const { origin, sessions, principals, verifier } = options;
  return function session() {
    return async function sessionAuthentication(req, res, next) {
      const stored = await sessions.current(req, res);
      if (!stored) return next();

      const token = bearerTokenBeside(req);
      const bearer = principalOf(req) ?? (token === undefined ? undefined : await verifier.verify(token));
      if (bearer && bearer.sub !== stored.sub)
        throw new InvalidRequest('session and bearer token of two people');
      if (bearer) {
        setPrincipal(req, bearer);
        return next();
      }

      if (isWrite(req) && !isSameOrigin(req, origin)) {
        throw new PermissionDenied('cross-site write with a session cookie');
      }
      const principal = await principals.principalOf(stored, stored.tokens.organizationId);
      if (principal) {
        sessions.known.learn(req, principal.key);
        setPrincipal(req, principal);
      } else await sessions.endSpent(req, res);
      res.set('Cache-Control', 'no-store');
      next();
    };
  };
}
