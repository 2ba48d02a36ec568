import { decodeProtectedHeader, type JWTPayload } from 'jose';
import { InvalidToken } from '../errors.ts';
import type { TenantJwtVerifier } from './tenant-jwt.ts';

/**
 * Who has signed in, from the ID token of a call-back. The SDK has verified it with five minutes of tolerance
 * and any algorithm; this holds it to our list and to the `nonce` of this very sign-in, which the SDK lacks.
 *
 * @see https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation
 */
export async function verifyIdToken(
  verifyTenantJwt: TenantJwtVerifier,
  token: string,
  nonce: string,
): Promise<{ sub: string; sid: string | undefined }> {
  const payload = await verifyTenantJwt(token, {
    requiredClaims: ['sub', 'iat', 'exp', 'nonce'],
    onlyChance: true,
  });
  const { typ } = decodeProtectedHeader(token);
  if (typ !== undefined && typ !== 'JWT') throw new InvalidToken(`${typ} is no ID token`);
  if (payload.nonce !== nonce) throw new InvalidToken('nonce of another sign-in');
  if (typeof payload.sub !== 'string' || payload.sub === '') throw new InvalidToken('no subject');
  return { sub: payload.sub, sid: textOf(payload, 'sid') };
}

const textOf = (payload: JWTPayload, claim: string) => {
  const value = payload[claim];
  return typeof value === 'string' && value !== '' ? value : undefined;
};
