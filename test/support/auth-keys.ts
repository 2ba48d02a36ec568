import { createHash, generateKeyPairSync, type JsonWebKey, type KeyObject, sign } from 'node:crypto';

export type Algorithm = 'ES256' | 'ES384' | 'ES512' | 'RS256';
export const ALGORITHMS: readonly Algorithm[] = ['ES384', 'ES256', 'ES512', 'RS256'];

export type SigningKey = {
  kid: string;
  alg: Algorithm;
  privateKey: KeyObject;
  publicKey: KeyObject;
  jwk: JsonWebKey & { kid: string; alg?: string; use?: string };
};

const CURVES = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' } as const;
export const HASHES = { ES256: 'sha256', ES384: 'sha384', ES512: 'sha512', RS256: 'sha256' } as const;

/** As Logto publishes it: an EC key with `alg`, an RSA key without. */
export function createSigningKey(alg: Algorithm, kid?: string): SigningKey {
  const { privateKey, publicKey } =
    alg === 'RS256'
      ? generateKeyPairSync('rsa', { modulusLength: 2_048 })
      : generateKeyPairSync('ec', { namedCurve: CURVES[alg] });
  const bare = publicKey.export({ format: 'jwk' });
  const id = kid ?? createHash('sha256').update(JSON.stringify(bare)).digest('base64url');
  const jwk = { ...bare, kid: id, use: 'sig', ...(alg === 'RS256' ? {} : { alg }) };
  return { kid: id, alg, privateKey, publicKey, jwk };
}

/** The bare signature of a JWS over `input`, made without any JOSE library. */
export function signatureOf(key: KeyObject, hash: string | null, input: string): Buffer {
  return sign(hash, Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' });
}

export const base64url = (value: string | Buffer | object): string =>
  (typeof value === 'string' || Buffer.isBuffer(value)
    ? Buffer.from(value as string)
    : Buffer.from(JSON.stringify(value))
  ).toString('base64url');
