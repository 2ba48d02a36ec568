import type { Request } from 'express';

/**
 * The request as express-session sees it: everything is read through to `req`, while `session`, `sessionID` and
 * `sessionStore` live here alone. So our session meets no other session middleware of the application, and no
 * handler can write into it.
 */
export function privateRequest(req: Request): Request {
  const hidden = { value: undefined, writable: true, configurable: true };
  // Two layers: express-session deletes `session` when it is destroyed, which must not uncover the one of `req`.
  return Object.create(
    Object.create(req, {
      session: hidden,
      sessionID: hidden,
      sessionStore: hidden,
      signedCookies: hidden,
      cookies: hidden,
    }),
  );
}
