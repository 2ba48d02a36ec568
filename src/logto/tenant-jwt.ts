import { decodeProtectedHeader, type JWTPayload, type JWTVerifyOptions, jwtVerify } from 'jose';
import type { KeySet } from '../auth/key-set.ts';
import type { Clock } from '../clock.ts';
import { InvalidToken } from '../errors.ts';

export type TenantJwtOptions = {
  keySet: Pick<KeySet, 'candidatesFor'>;
  algorithms: readonly string[];
  issuers: readonly string[];
  /** The application that these tokens are made for. */
  appId: string;
  clock: Clock;
};

export type TenantJwtVerifier = ReturnType<typeof createTenantJwtVerifier>;

/**
 * Verifies what Logto signs for this application itself, ID tokens and logout tokens: key of the tenant,
 * algorithm of the list, issuer, audience, time.
 *
 * @throws UpstreamUnavailable when the keys cannot be had; any other error means that the token is no good.
 */
export function createTenantJwtVerifier({ keySet, algorithms, issuers, appId, clock }: TenantJwtOptions) {
  return async function verifyTenantJwt(token: string, expected: JWTVerifyOptions): Promise<JWTPayload> {
    const { kid, alg } = decodeProtectedHeader(token);
    if (kid === undefined || alg === undefined || !algorithms.includes(alg)) {
      throw new InvalidToken('a key or algorithm that is not accepted');
    }
    let refusal: unknown;
    for (const { key } of await keySet.candidatesFor({ kid, alg })) {
      try {
        const { payload } = await jwtVerify(token, key, {
          algorithms: [alg],
          issuer: [...issuers],
          audience: appId,
          clockTolerance: 5,
          currentDate: new Date(clock.now()),
          ...expected,
        });
        return payload;
      } catch (error) {
        refusal = error;
      }
    }
    throw refusal;
  };
}
