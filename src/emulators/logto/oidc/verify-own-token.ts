import { compactVerify, createLocalJWKSet, type JWTPayload, jwtVerify } from 'jose';
import type { Issuer } from '../issuer.ts';
import { signingAlgorithms } from '../signing-keys.ts';

/**
 * Claims of an access token of this issuer, whatever its audience.
 *
 * @returns `undefined` when it is not one, is expired, or is another kind of token.
 */
export async function verifyOwnToken(issuer: Issuer, token: string): Promise<JWTPayload | undefined> {
  try {
    const { payload } = await jwtVerify(token, createLocalJWKSet({ keys: issuer.keys.publicJwks() }), {
      issuer: issuer.issuer,
      typ: 'at+jwt',
      algorithms: [...signingAlgorithms],
      currentDate: new Date(issuer.clock.now()),
    });
    return typeof payload.client_id === 'string' ? payload : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Claims of an ID token that this issuer signed, however long ago.
 *
 * @returns `undefined` when it is forged, foreign, no token at all, or an access token.
 */
export async function verifyIdTokenHint(issuer: Issuer, hint: string): Promise<JWTPayload | undefined> {
  try {
    const { payload, protectedHeader } = await compactVerify(
      hint,
      createLocalJWKSet({ keys: issuer.keys.publicJwks() }),
      { algorithms: [...signingAlgorithms] },
    );
    const claims = JSON.parse(new TextDecoder().decode(payload)) as JWTPayload;
    return claims.iss === issuer.issuer && protectedHeader.typ !== 'at+jwt' ? claims : undefined;
  } catch {
    return undefined;
  }
}
