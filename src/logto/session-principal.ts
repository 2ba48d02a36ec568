import { LogtoRequestError } from '@logto/node';
import type { Logger } from 'pino';
import type { Principal } from '../auth/principal.ts';
import type { Revocations } from '../auth/revocations.ts';
import type { Verifier } from '../auth/verifier.ts';
import { InvalidToken, PermissionDenied, UpstreamUnavailable } from '../errors.ts';
import { plainCauseOf } from './plain-cause.ts';
import type { UnderLease } from './refresh-lease.ts';
import type { CountSessionEvent } from './session-metrics.ts';
import { hashOf, type SessionRows, type StoredSession } from './session-rows.ts';
import type { TokenSource } from './token-source.ts';

export type SessionPrincipals = ReturnType<typeof createSessionPrincipals>;

/** Refusals that say: this organization is not open to this person. The session itself is fine. */
const NOT_IN_ORGANIZATION = new Set(['access_denied', 'insufficient_scope']);

/**
 * Who a session is, by the same access token and the same verifier as a bearer token.
 *
 * One refresh at a time for a session, over all instances; everybody who waits gets its outcome. An outage of Logto
 * is `UpstreamUnavailable`, only a refused refresh token is the end of the session.
 */
export function createSessionPrincipals(options: {
  rows: SessionRows;
  underLease: UnderLease;
  source: TokenSource;
  verifier: Pick<Verifier, 'verify'>;
  revocations: Pick<Revocations, 'check'>;
  log: Logger;
  count: CountSessionEvent;
}) {
  const { rows, underLease, source, verifier, revocations, log, count } = options;
  /** Of this process: its own requests need not ask the database in turn. */
  const underWay = new Map<string, Promise<string | undefined>>();

  /** `undefined`: the session is over. `refused` is a token that the verifier did not take. */
  function refresh(id: string, organizationId: string | undefined, refused?: string) {
    const key = `${hashOf(id)} ${organizationId ?? ''}`;
    const running = underWay.get(key);
    if (running) return running;
    const work = () => refreshOnce(id, organizationId, refused);
    const started = underLease(id, work).finally(() => underWay.delete(key));
    underWay.set(key, started);
    return started;
  }

  async function refreshOnce(id: string, organizationId: string | undefined, refused?: string) {
    // What this request loaded may be old by now: another one, here or on another instance, may have refreshed.
    let stored = await rows.read(id);
    while (stored) {
      const { tokens } = stored;
      const held = source.heldToken(tokens, organizationId);
      if (held !== undefined && held !== refused) return held;
      const used = tokens.refreshToken;
      try {
        const refreshed = await source.freshToken(tokens, organizationId, (refreshToken) =>
          rows.write(id, { ...tokens, refreshToken }),
        );
        await rows.write(id, refreshed.tokens);
        count('refreshed');
        return refreshed.token;
      } catch (error) {
        if (!isSessionEnd(error)) {
          count('refresh_failed');
          throw refusalOf(error, organizationId);
        }
        stored = await rows.read(id);
        // A rotated refresh token is refused once it was used: the row may hold its successor.
        if (stored && stored.tokens.refreshToken === used) {
          log.info(
            { sub: stored.sub, err: plainCauseOf(error) },
            'session ended: its refresh token is refused',
          );
          count('refresh_refused');
          return undefined;
        }
      }
    }
    return undefined;
  }

  /** A refresh gives an old session a token that is newer than the revocation: the sign-in is what counts. */
  function isRevoked({ sub, startedAtMs }: StoredSession): boolean {
    try {
      revocations.check({ sub, issuedAt: Math.floor(startedAtMs / 1_000) });
      return false;
    } catch (error) {
      if (!(error instanceof InvalidToken)) throw error;
      log.info({ sub, err: error }, 'session ended: its subject was revoked');
      return true;
    }
  }

  return {
    /**
     * @param organizationId the organization to act in; `undefined` for none.
     * @returns `undefined` when the session is over; its row is for the caller to delete.
     * @throws UpstreamUnavailable when that cannot be known; PermissionDenied when the organization refuses.
     */
    async principalOf(
      session: StoredSession,
      organizationId: string | undefined,
    ): Promise<Principal | undefined> {
      let token =
        source.heldToken(session.tokens, organizationId) ?? (await refresh(session.id, organizationId));
      for (const lastTry of [false, true]) {
        if (token === undefined || isRevoked(session)) return undefined;
        try {
          const principal = await verifier.verify(token, { via: 'session' });
          if (principal.sub !== session.sub) throw new InvalidToken('token of another person');
          if (organizationId !== undefined && principal.organizationId !== organizationId) {
            throw new InvalidToken('token of another organization');
          }
          return principal;
        } catch (error) {
          if (!(error instanceof InvalidToken)) throw error;
          log.warn({ sub: session.sub, err: error, lastTry }, 'access token of a session is not accepted');
          if (lastTry) break;
          // Its key may be gone while the session is fine: one new token before the session is given up.
          token = await refresh(session.id, organizationId, token);
        }
      }
      return undefined;
    },
  };
}

const isSessionEnd = (error: unknown) =>
  error instanceof LogtoRequestError ? error.code === 'invalid_grant' : codeOf(error) === 'not_authenticated';

const codeOf = (error: unknown) => (error as { code?: unknown }).code;

function refusalOf(error: unknown, organizationId: string | undefined): unknown {
  if (error instanceof UpstreamUnavailable) return error;
  const cause = plainCauseOf(error);
  const refused = error instanceof LogtoRequestError && NOT_IN_ORGANIZATION.has(error.code);
  if (refused && organizationId !== undefined) {
    return new PermissionDenied('Logto refuses a token for the organization', { cause });
  }
  return new UpstreamUnavailable('logto', 'refresh could not be completed', { cause });
}
