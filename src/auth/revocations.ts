import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';
import type { Database } from '../database/database.ts';
import { InvalidToken, UpstreamUnavailable } from '../errors.ts';
import type { Principal } from './principal.ts';
import { createRevocationStore, type Revocation, type SubjectState } from './revocation-store.ts';
import { createRevocationWatch } from './revocation-watch.ts';

/** `iat` is whole seconds and clocks differ: a token issued this much after the revocation is refused too. */
const MARGIN_SECONDS = 5;
/** The last second whose tokens, and sessions, a revocation at that time refuses. */
export const lastRefusedSecond = (at: Date) => Math.ceil(at.getTime() / 1_000) + MARGIN_SECONDS;
/** Knowledge older than this cannot tell a revoked token from a good one. */
const STALE_AFTER_MS = 5_000;

export type { SubjectState } from './revocation-store.ts';
export type RevocationListener = (sub: string, at: Date, state: SubjectState) => void;

export type Revocations = {
  /**
   * Refuses every token of `sub` that was issued up to `at`, and while `state` is `suspended` or `deleted` every
   * token whatever its age. `active` ends a suspension and still refuses the old tokens; without a state the
   * present one stays.
   *
   * @throws {UpstreamUnavailable} `database`; then nothing is revoked yet: try again.
   */
  revokeSubject(sub: string, at: Date, state?: SubjectState): Promise<void>;
  /**
   * From memory, synchronous.
   *
   * @throws {InvalidToken} when the principal or its actor is revoked.
   * @throws {UpstreamUnavailable} `revocation`, when what is known is older than five seconds.
   */
  check(principal: Pick<Principal, 'sub' | 'actor' | 'issuedAt'>): void;
  /** Called on every instance, once a change; a repetition is none. Returns the function that ends it. */
  onRevoked(listener: RevocationListener): () => void;
  /** Loads the state and keeps it fresh; a database that is down does not fail the start, `check` does. */
  start(): Promise<void>;
  stop(): Promise<void>;
};

export type RevocationsOptions = {
  database: Database;
  clock: Clock;
  log: Logger;
  /** Milliseconds that only go forward; not the clock, which tests and emulators move by hours. */
  uptimeMs?: () => number;
};

/**
 * The revocation that access tokens do not have: Logto's JWTs live to their `exp`, whatever happens to the user.
 * Rows live in `elp.revocation`; every instance holds them in memory and hears of changes by `LISTEN/NOTIFY`,
 * or by polling every 500 ms while its listener is down.
 *
 * @example
 * await revocations.revokeSubject('bob00000demo', new Date(clock.now()), 'suspended');
 */
export function createRevocations({
  database,
  clock,
  log,
  uptimeMs = () => performance.now(),
}: RevocationsOptions): Revocations {
  const store = createRevocationStore({ database, clock });
  const known = new Map<string, Revocation>();
  const listeners = new Set<RevocationListener>();
  const { changedSince } = store;
  const watch = createRevocationWatch({ database, log, uptimeMs, changedSince, removeOld, learn });

  function learn(revocations: readonly Revocation[], { silent = false } = {}): void {
    for (const revocation of revocations) {
      const before = known.get(revocation.sub);
      if (before && before.version >= revocation.version) continue;
      known.set(revocation.sub, revocation);
      if (!silent)
        for (const listener of listeners) listener(revocation.sub, revocation.at, revocation.state);
    }
  }

  async function removeOld(): Promise<void> {
    const before = await store.removeOld();
    for (const [sub, { state, at }] of known) if (state === 'active' && at < before) known.delete(sub);
  }

  function refuse(sub: string, issuedAtSeconds: number): void {
    const revocation = known.get(sub);
    if (!revocation) return;
    if (revocation.state !== 'active') throw new InvalidToken(`subject is ${revocation.state}`);
    if (issuedAtSeconds <= lastRefusedSecond(revocation.at)) {
      throw new InvalidToken('token was issued before its subject was revoked');
    }
  }

  return {
    async revokeSubject(sub, at, state) {
      learn(await store.put(sub, at, state));
      log.info({ sub, at, state }, 'subject revoked');
    },
    check(principal) {
      if (watch.ageMs() > STALE_AFTER_MS) {
        throw new UpstreamUnavailable('revocation', 'state is too old', { logCode: 'revocation_stale' });
      }
      refuse(principal.sub, principal.issuedAt);
      if (principal.actor !== undefined) refuse(principal.actor, principal.issuedAt);
    },
    onRevoked(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    start: watch.start,
    stop: watch.stop,
  };
}
