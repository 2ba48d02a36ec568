import type { RequestHandler } from 'express';
import helmet from 'helmet';

const ONE_YEAR_SECONDS = 31_536_000;

/**
 * Headers that every answer carries, errors too: an API has nothing to load, to frame or to cache. A page sets
 * its own `Content-Security-Policy` and `Cache-Control` over them.
 *
 * @param options.hsts Over TLS only: true when `BASE_URL` is https.
 *
 * @example
 * app.use(securityHeaders({ hsts: baseUrl.startsWith('https:') }));
 */
export function securityHeaders({ hsts = false }: { hsts?: boolean } = {}): RequestHandler {
  const shield = helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: { 'default-src': ["'none'"], 'frame-ancestors': ["'none'"] },
    },
    strictTransportSecurity: hsts && { maxAge: ONE_YEAR_SECONDS, includeSubDomains: false },
    referrerPolicy: { policy: 'no-referrer' },
    crossOriginResourcePolicy: { policy: 'same-origin' },
    xFrameOptions: { action: 'deny' },
  });
  return function setSecurityHeaders(req, res, next) {
    res.setHeader('Cache-Control', 'no-store');
    shield(req, res, next);
  };
}
