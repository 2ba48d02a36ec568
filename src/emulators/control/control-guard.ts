import type { RequestHandler } from 'express';

/**
 * Keeps web pages out of the control endpoints: no foreign `Origin`, no cross-site navigation, and writes
 * with a body type that no plain form can send.
 */
export function createControlGuard(allowedOrigins: readonly string[] = []): RequestHandler {
  const allowed = new Set(allowedOrigins);

  return function controlGuard(req, res, next) {
    const origin = req.headers.origin;
    const own = `http://${req.headers.host}`;
    const foreignOrigin = origin !== undefined && origin !== own && !allowed.has(origin);
    if (foreignOrigin || req.headers['sec-fetch-site'] === 'cross-site') {
      res.status(403).json({ code: 'foreign_origin', message: 'Control endpoints refuse other origins.' });
      return;
    }
    const writes = req.method !== 'GET' && req.method !== 'HEAD';
    const hasBody = Number(req.headers['content-length'] ?? 0) > 0 || 'transfer-encoding' in req.headers;
    // DELETE never comes from a plain form; without a body there is nothing to declare.
    if (writes && !(req.method === 'DELETE' && !hasBody) && !isJson(req.headers['content-type'])) {
      res
        .status(415)
        .json({ code: 'json_only', message: 'Control endpoints take content-type application/json only.' });
      return;
    }
    next();
  };
}

function isJson(contentType: string | undefined): boolean {
  return contentType?.split(';', 1)[0]?.trim().toLowerCase() === 'application/json';
}
