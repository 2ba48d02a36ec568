import type { RequestHandler } from 'express';
import { InvalidInput, ProblemError } from '../errors.ts';

const HEADER_LIMIT = 100;
const URL_LIMIT_CHARACTERS = 4_096;
const QUERY_LIMIT = 100;
const HOST = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:\d{1,5})?$/i;

/**
 * Refuses what no client of an API sends: hundreds of headers or query members, a very long URL, two `Host`
 * headers or one that is no host. Node's own parser has refused the rest (RFC 9112 §3, §5, §6) before.
 *
 * @throws (on a request) 400 `invalid_input`, 414 `uri_too_long`, 431 `headers_too_large`.
 *
 * @example
 * app.use(requestId(), securityHeaders(), requestShape());
 */
export function requestShape(): RequestHandler {
  return function refuseOddShape(req, _res, next) {
    const { rawHeaders, url } = req;
    if (rawHeaders.length / 2 > HEADER_LIMIT) {
      throw new ProblemError(
        431,
        'headers_too_large',
        'Request header fields too large',
        `${rawHeaders.length / 2} headers`,
      );
    }
    // Only the first question mark begins the query; the others are part of it.
    const query = url.indexOf('?');
    if (query >= 0 && url.slice(query).split('&').length > QUERY_LIMIT) {
      throw new InvalidInput([{ path: 'query', message: `has more than ${QUERY_LIMIT} members` }]);
    }
    if (url.length > URL_LIMIT_CHARACTERS) {
      throw new ProblemError(414, 'uri_too_long', 'URI too long', `${url.length} characters`);
    }
    const hosts = rawHeaders.filter((name, i) => i % 2 === 0 && name.toLowerCase() === 'host').length;
    // Node asks for a Host header itself, from HTTP/1.1 on.
    if (hosts > 1 || (hosts === 1 && !HOST.test(String(req.headers.host)))) {
      throw new InvalidInput([{ path: 'host', message: 'is not one host' }]);
    }
    next();
  };
}
