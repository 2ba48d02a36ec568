import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { principalOf } from '../auth/principal.ts';
import { Unauthenticated } from '../errors.ts';
import { type GuardMark, markGuard, markPassed } from './guard-marks.ts';

/**
 * Declares that a route is open on purpose; the reason stands in the route census.
 *
 * @example
 * app.get('/livez', publicRoute('liveness probe'), alive);
 */
export function publicRoute(reason: string): RequestHandler {
  return openDoor({ kind: 'public', reason: stated(reason) }, 'publicRoute');
}

/**
 * Declares that a route is guarded by something the census cannot see into: a signature over the body, or a
 * browser session. The handler behind it must do that check itself.
 *
 * @example
 * app.use('/api/webhooks/logto', guardedBy('signature', 'HMAC of the raw body'), webhooks());
 */
export function guardedBy(kind: 'signature' | 'session', reason: string): RequestHandler {
  return openDoor({ kind, reason: stated(reason) }, 'guardedBy');
}

/**
 * Lets any authenticated caller in, whatever Permit says; for routes about the caller alone.
 * Passes on 401 when nobody has been authenticated.
 *
 * @example
 * router.get('/me', bearerAuth(), authenticatedRoute('about the caller'), describeCaller);
 */
export function authenticatedRoute(reason?: string): RequestHandler {
  const mark: GuardMark = reason ? { kind: 'authenticated', reason } : { kind: 'authenticated' };
  function authenticatedGuard(req: Request, _res: Response, next: NextFunction): void {
    if (!principalOf(req)) throw new Unauthenticated();
    markPassed(req, mark);
    next();
  }
  return markGuard(authenticatedGuard, mark);
}

function openDoor(mark: GuardMark, name: string): RequestHandler {
  function declaredRoute(req: Request, _res: Response, next: NextFunction): void {
    markPassed(req, mark);
    next();
  }
  return markGuard(Object.defineProperty(declaredRoute, 'name', { value: name }), mark);
}

function stated(reason: string): string {
  if (reason.trim() === '') throw new TypeError('a route that is open needs a reason');
  return reason;
}
