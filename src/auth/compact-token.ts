import { isUtf8 } from 'node:buffer';
import type { JWTHeaderParameters } from 'jose';
import { InvalidToken } from '../errors.ts';

const SEGMENTS = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)$/;
const PRINTABLE = /^[\x21-\x7e]{1,255}$/;

/** The members of a protected header that decide anything here; every other one is ignored, `jku` and `jwk` too. */
export type TokenHeader = Pick<JWTHeaderParameters, 'alg'> & { kid: string };

/**
 * Checks that a token is one compact JWS with strict base64url, and reads its header. No cryptography yet:
 * what fails here costs neither a signature verification nor a fetch of keys.
 *
 * @param token As it stood in the header, at most 8 KB.
 * @throws {InvalidToken} in every other case, with a hint for the three kinds of bearer that people send by mistake.
 * @see https://www.rfc-editor.org/rfc/rfc7515#section-7.1
 * @see https://www.rfc-editor.org/rfc/rfc9068#section-4
 *
 * @example
 * const { alg, kid } = parseCompactToken(token);
 */
export function parseCompactToken(token: string): TokenHeader {
  const parts = SEGMENTS.exec(token);
  if (!parts) throw notCompact(token);
  const [, header = '', payload = '', signature = ''] = parts;
  for (const segment of [header, payload, signature]) requireStrictBase64url(segment);
  return headerOf(header);
}

/** Tokens of one key carry one and the same header. */
let latest: { segment: string; header: TokenHeader } | undefined;

function headerOf(segment: string): TokenHeader {
  if (latest?.segment === segment) return latest.header;
  const bytes = requireUtf8(segment);
  const header = readHeader(bytes.toString('utf8'));
  // Encoded anew: the segment itself is a slice that would keep somebody's whole token in memory.
  latest = { segment: bytes.toString('base64url'), header };
  return header;
}

function readHeader(text: string): TokenHeader {
  const header = jsonOf(text);
  if (typeof header !== 'object' || header === null || Array.isArray(header)) {
    throw new InvalidToken('header is not a JSON object');
  }
  const { alg, kid, typ, crit } = header as Record<string, unknown>;
  if (typeof alg !== 'string') throw new InvalidToken('header without alg');
  // Logto always names its key; choosing one for a token that names none would mean trying them all.
  if (typeof kid !== 'string' || !PRINTABLE.test(kid)) throw new InvalidToken('header without a usable kid');
  if (typeof typ !== 'string' || !/^(application\/)?at\+jwt$/i.test(typ)) {
    throw new InvalidToken('not typed as an access token');
  }
  if (crit !== undefined) throw new InvalidToken('header with crit');
  return Object.freeze({ alg, kid });
}

/**
 * Decoders ignore the spare bits of the last character, so that many strings would carry one signature: here they
 * must be zero. The alphabet was checked before.
 *
 * @see https://www.rfc-editor.org/rfc/rfc4648#section-3.5
 */
function requireStrictBase64url(segment: string): void {
  const odd = segment.length % 4;
  if (odd === 0) return;
  const allowed = odd === 2 ? 'AQgw' : 'AEIMQUYcgkosw048';
  if (odd === 1 || !allowed.includes(segment.at(-1) as string))
    throw new InvalidToken('not strict base64url');
}

function requireUtf8(segment: string): Buffer {
  const bytes = Buffer.from(segment, 'base64url');
  if (!isUtf8(bytes)) throw new InvalidToken('not UTF-8');
  return bytes;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new InvalidToken('header is not JSON');
  }
}

function notCompact(token: string): InvalidToken {
  if (/^(pat|sub)_/.test(token)) {
    return new InvalidToken('personal access token or subject token', {
      hint: 'exchange this token for an access token of this API first',
    });
  }
  if (!token.includes('.')) {
    return new InvalidToken('opaque token', {
      hint: 'opaque token: ask for the access token with the resource parameter of this API',
    });
  }
  return new InvalidToken('not a compact JWS of three segments');
}
