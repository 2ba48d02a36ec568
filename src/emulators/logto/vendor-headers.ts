import type { RequestHandler } from 'express';
import { newSecret } from './directory/ids.ts';
import type { Directory } from './directory/tables.ts';

/** The headers that every answer of the vendor carries. */
export const vendorHeaders: RequestHandler = function vendorHeaders(_req, res, next) {
  res.set({
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Logto-Core-Request-Id': newSecret(16),
    'Origin-Agent-Cluster': '?1',
    'Referrer-Policy': 'strict-origin-when-cross-origin',
    'Strict-Transport-Security': 'max-age=15552000; includeSubDomains',
    'X-Content-Type-Options': 'nosniff',
    'X-Download-Options': 'noopen',
    'X-Frame-Options': 'SAMEORIGIN',
    'X-Permitted-Cross-Domain-Policies': 'none',
    'X-XSS-Protection': '0',
    Vary: 'Origin',
  });
  next();
};

/**
 * Which pages may call the OIDC endpoints: everybody the public documents, the rest only origins of registered
 * redirect addresses.
 */
export function createCors({ applications }: Directory): RequestHandler {
  return function cors(req, res, next) {
    const { origin } = req.headers;
    const open = req.path.startsWith('/.well-known/') || req.path === '/jwks';
    if (open) res.set('Access-Control-Allow-Origin', '*');
    else if (origin !== undefined && isRegistered(origin)) {
      res.set('Access-Control-Allow-Origin', origin);
      res.set('Cross-Origin-Resource-Policy', 'cross-origin');
    }
    if (req.method !== 'OPTIONS') return next();
    res.set({
      'Access-Control-Allow-Methods': 'GET,HEAD,PUT,POST,DELETE,PATCH',
      'Access-Control-Allow-Headers': req.headers['access-control-request-headers'] ?? '',
      'Access-Control-Max-Age': '3600',
    });
    res.status(204).end();
  };

  function isRegistered(origin: string): boolean {
    return applications
      .all()
      .some((application) =>
        application.redirectUris.some((uri) => URL.canParse(uri) && new URL(uri).origin === origin),
      );
  }
}
