import { type CryptoKey, importJWK, type JWK } from 'jose';

/** A public key that may verify signatures of exactly one algorithm. */
export type VerificationKey = { kid: string; alg: string; key: CryptoKey };

const ALGORITHM_OF_CURVE: Readonly<Record<string, string>> = {
  'P-256': 'ES256',
  'P-384': 'ES384',
  'P-521': 'ES512',
};

/**
 * Reads one member of a key set. The algorithm is the key's own (curve, or RS256 for RSA, which Logto publishes
 * without `alg`), never the token's.
 *
 * @returns `undefined` for a key that is no use here: malformed, private, symmetric, for encryption, or labelled
 *   with an algorithm that its type cannot have. One bad key must not take the good ones down.
 */
export async function verificationKeyOf(candidate: unknown): Promise<VerificationKey | undefined> {
  if (typeof candidate !== 'object' || candidate === null) return undefined;
  const jwk = candidate as JWK;
  // Published, it lets everybody sign; its public half is worth nothing either.
  if ('d' in jwk) return undefined;
  const alg = algorithmOf(jwk);
  if (!alg || typeof jwk.kid !== 'string' || jwk.kid === '') return undefined;
  if (jwk.alg !== undefined && jwk.alg !== alg) return undefined;
  if (jwk.use !== undefined && jwk.use !== 'sig') return undefined;
  if (jwk.key_ops !== undefined && !(Array.isArray(jwk.key_ops) && jwk.key_ops.includes('verify')))
    return undefined;
  try {
    const key = await importJWK(publicMembers(jwk), alg);
    return key instanceof Uint8Array || !longEnough(key) ? undefined : { kid: jwk.kid, alg, key };
  } catch {
    return undefined;
  }
}

function algorithmOf(jwk: JWK): string | undefined {
  if (jwk.kty === 'RSA') return 'RS256';
  if (jwk.kty !== 'EC' || typeof jwk.crv !== 'string' || !Object.hasOwn(ALGORITHM_OF_CURVE, jwk.crv))
    return undefined;
  return ALGORITHM_OF_CURVE[jwk.crv];
}

function publicMembers(jwk: JWK): JWK {
  return jwk.kty === 'RSA'
    ? { kty: 'RSA', n: jwk.n as string, e: jwk.e as string }
    : { kty: 'EC', crv: jwk.crv as string, x: jwk.x as string, y: jwk.y as string };
}

function longEnough(key: CryptoKey): boolean {
  const { modulusLength } = key.algorithm as { modulusLength?: number };
  return modulusLength === undefined || modulusLength >= 2_048;
}
