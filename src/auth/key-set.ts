import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { exportJWK } from 'jose';
import type { Clock } from '../clock.ts';
import { InvalidToken, UpstreamUnavailable } from '../errors.ts';
import type { VerificationKey } from './verification-key.ts';

/** Two keys of one `kid` are both tried; more than this many is somebody's mistake, and each costs a verification. */
const CANDIDATE_LIMIT = 4;
/** An unknown `kid` fetches again at most once in this time, so that is how soon a new key works. */
const COOLDOWN_MS = 5_000;
/** Longer than the cooldown, for a clock that stands still must hold nobody. */
const LONGEST_WAIT_MS = COOLDOWN_MS + 1_000;
const LOOK_EVERY_MS = 50;
/** Strangers may send unknown `kid`s on purpose: so many requests are kept waiting at once, and no more. */
const WAITING_LIMIT = 64;
/** After this age the set is fetched again, so that is how long a removed key may live on. */
const MAX_AGE_MS = 600_000;
/** While the issuer is down, the last good set serves up to this age. */
const STALE_IF_ERROR_MS = 3_600_000;

export type KeySetOptions = {
  fetchKeys: () => Promise<VerificationKey[]>;
  clock: Clock;
  /** Told after the set has changed, not after a fetch that brought the same keys. */
  onChange?: () => void;
  onFetch?: (failure: UpstreamUnavailable | undefined) => void;
};

export type KeySet = {
  /**
   * The keys that may have signed a token with this header.
   *
   * At once when they are at hand, for every request asks.
   *
   * @param options.onlyChance for a token that nobody sends again: an unknown `kid` waits for the next fetch, up to
   *   the rest of the cooldown, instead of being judged by a set that may be older than the key.
   * @throws {InvalidToken} (rejects) when the issuer's set has no such key.
   * @throws {UpstreamUnavailable} (rejects) when that cannot be known, or too many wait already.
   */
  candidatesFor(
    header: { kid: string; alg: string },
    options?: { onlyChance?: boolean },
  ): VerificationKey[] | Promise<VerificationKey[]>;
  /** Fetches when nothing is cached yet; never throws. For a warm start. */
  warm(): Promise<void>;
  /** `degraded`: the last good keys serve while the issuer is down. `down`: there are none. */
  state(): 'ok' | 'degraded' | 'down';
};

type Held = { keys: VerificationKey[]; fingerprint: string; fetchedAtMs: number };

/**
 * The issuer's public keys, one set a process, fetched when needed and by one request at a time.
 *
 * A flood of unknown `kid`s costs one fetch a cooldown and turns no valid token away; an outage of the issuer is
 * never taken for a bad token.
 *
 * @example
 * const keySet = createKeySet({ fetchKeys: createKeySetSource(options), clock });
 * const keys = await keySet.candidatesFor({ kid, alg });
 */
export function createKeySet(options: KeySetOptions): KeySet {
  const { clock } = options;
  let held: Held | undefined;
  /** The latest; meaningful while `failures` is above zero, and before the first fetch. */
  let failure = new UpstreamUnavailable('logto', 'no key set yet', { logCode: 'logto_key_set_none' });
  let failures = 0;
  let attemptedAtMs: number | undefined;
  let inFlight: Promise<void> | undefined;
  /** Fetches that have begun. */
  let begun = 0;
  let waiting = 0;

  async function fetchOnce(): Promise<void> {
    begun += 1;
    attemptedAtMs = clock.now();
    try {
      const keys = await options.fetchKeys();
      const fingerprint = await fingerprintOf(keys);
      const changed = held !== undefined && held.fingerprint !== fingerprint;
      held = { keys, fingerprint, fetchedAtMs: clock.now() };
      failures = 0;
      if (changed) options.onChange?.();
    } catch (error) {
      failure = asUnavailable(error);
      failures += 1;
    }
    options.onFetch?.(failures > 0 ? failure : undefined);
  }

  /** Resolves when the fetch that is under way, or a new one where one is due, has ended. */
  async function refresh(): Promise<void> {
    if (!inFlight && cooledDown()) {
      inFlight = fetchOnce().finally(() => {
        inFlight = undefined;
      });
    }
    await inFlight;
  }

  function cooledDown(): boolean {
    // With no key at all every request is a 503: try sooner, so that a late issuer does not cost five seconds.
    const waitMs = held ? COOLDOWN_MS : Math.min(COOLDOWN_MS, 500 * 2 ** failures);
    return attemptedAtMs === undefined || elapsedSince(attemptedAtMs) >= waitMs;
  }

  /** A clock that was set back must not freeze the set. */
  function elapsedSince(instantMs: number): number {
    const elapsedMs = clock.now() - instantMs;
    return elapsedMs < 0 ? Number.POSITIVE_INFINITY : elapsedMs;
  }

  function usable(): Held | undefined {
    return held && elapsedSince(held.fetchedAtMs) < STALE_IF_ERROR_MS ? held : undefined;
  }

  async function current(): Promise<Held> {
    const before = usable();
    if (!before || elapsedSince(before.fetchedAtMs) >= MAX_AGE_MS) {
      const refreshed = refresh();
      // After a first failure nobody waits for the issuer any more: the old keys serve meanwhile.
      if (!before || failures === 0) await refreshed;
    }
    const set = usable();
    if (set) return set;
    throw failure;
  }

  /** Waits until a fetch has ended that began after the first `seen`; fetches no sooner than anybody else would. */
  async function refreshAfter(seen: number): Promise<void> {
    if (waiting >= WAITING_LIMIT) {
      throw new UpstreamUnavailable('logto', 'too many wait for a new key', {
        logCode: 'logto_key_set_crowded',
        retryAfterSeconds: COOLDOWN_MS / 1_000,
      });
    }
    waiting += 1;
    try {
      const giveUpAt = performance.now() + LONGEST_WAIT_MS;
      while (begun === seen && !cooledDown() && performance.now() < giveUpAt) await delay(LOOK_EVERY_MS);
    } finally {
      waiting -= 1;
    }
    await refresh();
  }

  async function searchFor(
    header: { kid: string; alg: string },
    onlyChance: boolean,
  ): Promise<VerificationKey[]> {
    const seen = begun;
    const found = candidates(await current(), header);
    if (found.length > 0) return found;
    await refresh();
    let after = candidates(await current(), header);
    if (after.length === 0 && onlyChance && begun === seen) {
      await refreshAfter(seen);
      after = candidates(await current(), header);
    }
    if (after.length > 0) return after;
    // While the issuer is down, an unknown key may be its new one.
    if (failures > 0) throw failure;
    throw new InvalidToken('no key of the issuer has this kid and algorithm');
  }

  return {
    candidatesFor(header, { onlyChance = false } = {}) {
      const set = usable();
      const fresh = set && elapsedSince(set.fetchedAtMs) < MAX_AGE_MS ? candidates(set, header) : [];
      return fresh.length > 0 ? fresh : searchFor(header, onlyChance);
    },
    warm: refresh,
    state() {
      if (!usable()) return 'down';
      return failures > 0 ? 'degraded' : 'ok';
    },
  };
}

function candidates(set: Held, { kid, alg }: { kid: string; alg: string }): VerificationKey[] {
  return set.keys.filter((key) => key.kid === kid && key.alg === alg).slice(0, CANDIDATE_LIMIT);
}

async function fingerprintOf(keys: readonly VerificationKey[]): Promise<string> {
  const described = await Promise.all(
    keys.map(async ({ kid, alg, key }) => [kid, alg, await exportJWK(key)]),
  );
  return createHash('sha256').update(JSON.stringify(described)).digest('hex');
}

function asUnavailable(error: unknown): UpstreamUnavailable {
  if (error instanceof UpstreamUnavailable) return error;
  return new UpstreamUnavailable('logto', 'key set failed', {
    cause: error,
    logCode: 'logto_key_set_failed',
  });
}
