import type { Request, RequestHandler } from 'express';
import { PermissionDenied } from '../errors.ts';

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Whether a page of our own sent this request: `Sec-Fetch-Site` says `same-origin`, and `Origin`, where it is
 * sent, is ours. A request with neither header was not made by a browser of this decade.
 *
 * @see https://cheatsheetseries.owasp.org/cheatsheets/Cross-Site_Request_Forgery_Prevention_Cheat_Sheet.html
 */
export function isSameOrigin(req: Request, origin: string): boolean {
  const site = req.get('sec-fetch-site');
  const from = req.get('origin');
  if (site !== undefined && site !== 'same-origin') return false;
  if (from !== undefined && from !== origin) return false;
  return site !== undefined || from !== undefined;
}

/** Whether the method may change something. */
export const isWrite = (req: Request): boolean => !SAFE.has(req.method);

/** Refuses, with 403, what no page of `origin` has sent. */
export function requireSameOrigin(origin: string): RequestHandler {
  return function sameOriginGuard(req, _res, next) {
    if (!isSameOrigin(req, origin)) throw new PermissionDenied('cross-site request with a session cookie');
    next();
  };
}
