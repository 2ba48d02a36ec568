import cors from 'cors';
import type { Request, RequestHandler } from 'express';
import { ConfigurationError } from '../errors.ts';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];

/**
 * Cross-origin reading for an exact list of origins. A preflight of a listed origin is answered here with 204,
 * ahead of authentication; everybody else's is an `OPTIONS` like any other, and no origin is ever reflected.
 *
 * @param origins As browsers send them: scheme, host and port, nothing else. Empty: no cross-origin use.
 * @throws {ConfigurationError} for `*`, `null`, a path or a trailing slash, which would never match or match too much.
 * @see https://fetch.spec.whatwg.org/#http-cors-protocol
 *
 * @example
 * app.use(corsPolicy(['https://app.example']));
 */
export function corsPolicy(origins: readonly string[]): RequestHandler {
  const problems = origins
    .filter((origin) => URL.parse(origin)?.origin !== origin || origin === 'null')
    .map((origin) => `CORS origin ${origin} is not an exact origin such as https://app.example`);
  if (problems.length > 0) throw new ConfigurationError(problems);

  const listed = new Set(origins);
  const headers = cors({
    origin: (origin, done) => done(null, origin !== undefined && listed.has(origin)),
    methods: METHODS,
    allowedHeaders: ['Authorization', 'Content-Type', 'Idempotency-Key', 'X-Request-Id'],
    exposedHeaders: ['X-Request-Id', 'Retry-After', 'WWW-Authenticate', 'Location'],
    credentials: true,
    maxAge: 600,
    optionsSuccessStatus: 204,
  });
  return function applyCorsPolicy(req, res, next) {
    res.vary('Origin');
    if (req.method !== 'OPTIONS' || isListedPreflight(req, listed)) return headers(req, res, next);
    next();
  };
}

function isListedPreflight(req: Request, listed: ReadonlySet<string>): boolean {
  return listed.has(req.headers.origin ?? '') && req.headers['access-control-request-method'] !== undefined;
}
