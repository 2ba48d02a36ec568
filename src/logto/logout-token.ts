import { ProblemError } from '../errors.ts';
import { plainCauseOf } from './plain-cause.ts';
import { LogoutTokenRejected } from './sign-in-failed.ts';
import type { TenantJwtVerifier } from './tenant-jwt.ts';

const EVENT = 'http://schemas.openid.net/event/backchannel-logout';
/** Logto's logout tokens carry no `exp`; this is how long after `iat` one is taken. */
const OLDEST_SECONDS = 300;

export type LogoutToken = { jti: string; sub: string | undefined; sid: string | undefined };

/**
 * What a back-channel logout token asks for.
 *
 * @throws LogoutTokenRejected 400, whatever is wrong with it; `UpstreamUnavailable` when the keys cannot be had.
 * @see https://openid.net/specs/openid-connect-backchannel-1_0.html#Validation
 */
export async function verifyLogoutToken(
  verifyTenantJwt: TenantJwtVerifier,
  token: string,
): Promise<LogoutToken> {
  try {
    const { jti, sub, sid, events, nonce } = await verifyTenantJwt(token, {
      typ: 'logout+jwt',
      maxTokenAge: OLDEST_SECONDS,
      requiredClaims: ['jti', 'events'],
      onlyChance: true,
    });
    if (nonce !== undefined) throw new LogoutTokenRejected('a logout token has no nonce');
    if (typeof events !== 'object' || events === null || !(EVENT in events)) {
      throw new LogoutTokenRejected('not a logout event');
    }
    if (!isText(jti) || (sub !== undefined && !isText(sub)) || (sid !== undefined && !isText(sid))) {
      throw new LogoutTokenRejected('jti, sub or sid is not a text');
    }
    if (sub === undefined && sid === undefined) throw new LogoutTokenRejected('names no session');
    return { jti, sub, sid };
  } catch (error) {
    // Only what is meant for the sender as it stands passes; a library's error is a bad token.
    if (error instanceof ProblemError && error.status !== 401) throw error;
    throw new LogoutTokenRejected('not a logout token of this tenant', { cause: plainCauseOf(error) });
  }
}

const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';
