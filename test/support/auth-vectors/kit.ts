import { generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import {
  ALGORITHMS,
  type Algorithm,
  base64url,
  createSigningKey,
  HASHES,
  type SigningKey,
  signatureOf,
} from '../auth-keys.ts';

export type Verdict = 'accept' | 'refuse' | 'either';

export type Vector = {
  /** Family and number: `algorithm-07`. */
  id: string;
  title: string;
  verdict: Verdict;
  /** Header lines, byte for byte. */
  headers: string[];
  method?: string;
  query?: string;
  body?: string;
  /** What a refusal may answer; 401 unless told. */
  statuses?: number[];
};

export type Kit = {
  alg: Algorithm;
  issuer: string;
  audience: string;
  organizationAudience: boolean;
  nowSeconds: number;
  main: SigningKey;
  rotated: SigningKey;
  /** In the key set too, one for each algorithm that is not configured. */
  published: Record<Algorithm, SigningKey>;
  /** In the key set, but `use: enc`. */
  encryption: SigningKey;
  /** Never published. */
  stranger: SigningKey;
  strangers: Record<Algorithm, SigningKey>;
  ed25519: KeyObject;
  /** Must never be asked for anything. */
  canary: string;
  claims(overrides?: Record<string, unknown>): Record<string, unknown>;
  header(overrides?: Record<string, unknown>): Record<string, unknown>;
  /** A signed token; header and payload may be any text or bytes. */
  token(parts?: TokenParts): string;
};

export type TokenParts = {
  header?: Record<string, unknown> | string | Buffer;
  payload?: Record<string, unknown> | string | Buffer;
  key?: SigningKey;
  /** Instead of the key's own: what kind of signature to make. */
  sign?: (input: string) => Buffer | string;
};

/** Keys are made once a process and algorithm: RSA ones cost a tenth of a second. */
const keyRing = new Map<string, SigningKey>();
function keyFor(alg: Algorithm, purpose: string): SigningKey {
  const name = `${purpose}-${alg}`;
  const made = keyRing.get(name) ?? createSigningKey(alg);
  keyRing.set(name, made);
  return made;
}
const ed25519 = generateKeyPairSync('ed25519').privateKey;

const each = (purpose: string) =>
  Object.fromEntries(ALGORITHMS.map((alg) => [alg, keyFor(alg, purpose)])) as Record<Algorithm, SigningKey>;

export function publishedKeys(alg: Algorithm): Record<string, unknown>[] {
  const encryption = keyFor(alg, 'encryption');
  return [
    keyFor(alg, 'main').jwk,
    keyFor(alg, 'rotated').jwk,
    ...ALGORITHMS.filter((other) => other !== alg).map((other) => keyFor(other, 'published').jwk),
    { ...encryption.jwk, use: 'enc' },
  ];
}

export function createKit(options: {
  alg: Algorithm;
  issuer: string;
  audience: string;
  organizationAudience: boolean;
  nowSeconds: number;
  canary: string;
}): Kit {
  const { alg, issuer, audience, nowSeconds } = options;
  const main = keyFor(alg, 'main');
  const kit: Kit = {
    ...options,
    main,
    rotated: keyFor(alg, 'rotated'),
    published: each('published'),
    encryption: keyFor(alg, 'encryption'),
    stranger: keyFor(alg, 'stranger'),
    strangers: each('stranger'),
    ed25519,
    claims: (overrides = {}) => ({
      jti: randomBytes(12).toString('base64url'),
      sub: 'alice0000001',
      iat: nowSeconds - 60,
      exp: nowSeconds + 3_600,
      scope: 'read:reports',
      client_id: 'webapp',
      iss: issuer,
      aud: audience,
      ...overrides,
    }),
    header: (overrides = {}) => ({ alg, typ: 'at+jwt', kid: main.kid, ...overrides }),
    token({ header = kit.header(), payload = kit.claims(), key = main, sign } = {}) {
      const input = `${base64url(header)}.${base64url(payload)}`;
      const signature = sign ? sign(input) : signatureOf(key.privateKey, HASHES[key.alg], input);
      return `${input}.${typeof signature === 'string' ? signature : signature.toString('base64url')}`;
    },
  };
  return kit;
}

/** Leaves a member out of an object; `JSON.stringify` drops `undefined`. */
export const without = (name: string): Record<string, unknown> => ({ [name]: undefined });

/** JSON text with one member replaced by raw text, for what `JSON.stringify` cannot say (`1e999`). */
export function rawMember(object: Record<string, unknown>, name: string, text: string): string {
  return JSON.stringify({ ...object, [name]: '\u0000raw' }).replace('"\\u0000raw"', text);
}

/** Numbers the vectors of a family in their order. */
export function family(name: string, vectors: Omit<Vector, 'id'>[]): Vector[] {
  return vectors.map((vector, i) => ({ ...vector, id: `${name}-${String(i + 1).padStart(2, '0')}` }));
}

export const bearer = (token: string): string[] => [`Authorization: Bearer ${token}`];

export const refused = (title: string, token: string, statuses = [401]): Omit<Vector, 'id'> => ({
  title,
  verdict: 'refuse',
  headers: bearer(token),
  statuses,
});
export const accepted = (title: string, token: string): Omit<Vector, 'id'> => ({
  title,
  verdict: 'accept',
  headers: bearer(token),
});
export const either = (title: string, token: string): Omit<Vector, 'id'> => ({
  title,
  verdict: 'either',
  headers: bearer(token),
});
