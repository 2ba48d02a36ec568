import type { IncomingMessage } from 'node:http';
import { InvalidRequest, InvalidToken, Unauthenticated } from '../errors.ts';

/** Longest token that is looked at; Logto's are about 1 KB, with large custom claims 5 KB. */
const TOKEN_LIMIT_BYTES = 8_192;

/** RFC 6750 §2.1 asks for exactly one space, RFC 9110 §11.4 allows more. A tab is neither. */
const BEARER = /^bearer +([^\s,]+)$/i;

/**
 * Reads the bearer token of a request: from its one `Authorization` header and from nowhere else, never from
 * the query, a form or a cookie (RFC 9700 §4.3.2).
 *
 * @returns The token as sent, or `undefined` when no `Authorization` header came.
 * @throws {Unauthenticated} for another scheme (`Basic` …).
 * @throws {InvalidRequest} for two headers, `Bearer` with nothing, something glued to it, or a list behind it.
 * @throws {InvalidToken} for a token of more than 8 KB.
 * @see https://www.rfc-editor.org/rfc/rfc6750#section-2.1
 *
 * @example
 * const token = bearerTokenOf(req);
 * if (token !== undefined) setPrincipal(req, await verifier.verify(token));
 */
export function bearerTokenOf(req: IncomingMessage): string | undefined {
  const value = authorizationOf(req.rawHeaders);
  if (value === undefined) return undefined;
  const token = BEARER.exec(value)?.[1];
  if (token === undefined) {
    if (!/^bearer/i.test(value)) throw new Unauthenticated('another authentication scheme');
    throw new InvalidRequest('Bearer with nothing behind it, something glued to it, or a list');
  }
  if (token.length > TOKEN_LIMIT_BYTES) throw new InvalidToken(`token of ${token.length} bytes`);
  return token;
}

/**
 * The same beside a session: a scheme of somebody else, such as `Basic` for a proxy in front, is no matter of ours
 * when the caller is known without it.
 */
export function bearerTokenBeside(req: IncomingMessage): string | undefined {
  try {
    return bearerTokenOf(req);
  } catch (error) {
    if (error instanceof Unauthenticated) return undefined;
    throw error;
  }
}

/** Names and values take turns in `rawHeaders`. Written for speed: every request passes here. */
function authorizationOf(rawHeaders: readonly string[]): string | undefined {
  let found: string | undefined;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string;
    if (name.length !== 13 || name.toLowerCase() !== 'authorization') continue;
    // Node's own `headers` keeps the first of two and drops the rest silently; a proxy in front may keep the last.
    if (found !== undefined) throw new InvalidRequest('more than one Authorization header');
    found = rawHeaders[i + 1];
  }
  return found;
}
