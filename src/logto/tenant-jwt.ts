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

export type ExpectedJwt = JWTVerifyOptions & {
  /** Logto sends this token once: one of a key that is not known yet waits for the key (see {@link KeySet}). */
  onlyChance?: boolean;
};

export type TenantJwtVerifier = ReturnType<typeof createTenantJwtVerifier>;

/**
 * Verifies what Logto signs for this application itself, ID tokens and logout tokens: key of the tenant,
 * algorithm of the list, issuer, audience, time.
 *
 * @throws UpstreamUnavailable when the keys cannot be had; any other error means that the token is no good.
 */
export function createTenantJwtVerifier({ keySet, algorithms, issuers, appId, clock }: TenantJwtOptions) {
  return async function verifyTenantJwt(
    token: string,
    { onlyChance = false, ...expected }: ExpectedJwt,
  ): Promise<JWTPayload> {
    const { kid, alg } = decodeProtectedHeader(token);
    if (kid === undefined || alg === undefined || !algorithms.includes(alg)) {
      throw new InvalidToken('a key or algorithm that is not accepted');
    }
    let refusal: unknown;
    for (const { key } of await keySet.candidatesFor({ kid, alg }, { onlyChance })) {
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
