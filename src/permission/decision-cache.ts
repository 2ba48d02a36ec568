import { LRUCache } from 'lru-cache';
import { createEndOfTurn } from '../auth/end-of-turn.ts';
import type { Clock } from '../clock.ts';
import type { PermissionChecker, Question } from './checker.ts';
import { questionKey } from './question-key.ts';

/** Whose decisions to drop; neither member means everybody's. */
export type Forgotten = { user?: string; tenant?: string };

export type DecisionCache = PermissionChecker & {
  forget(what: Forgotten): void;
  /** While suspended nothing is read from the cache or put into it; it is emptied at once. */
  suspend(suspended: boolean): void;
  readonly size: number;
};

type Entry = { allowed: boolean; user: string; tenant: string; fromMs: number };

/**
 * Remembers decisions for `ttlMs`, and asks an equal question that is under way only once. Never remembers a
 * failure. What is asked while something is being forgotten is answered, and not remembered: the answer may
 * be from before the change.
 */
export function createDecisionCache(options: {
  checker: PermissionChecker;
  ttlMs: number;
  maxEntries?: number;
  clock: Clock;
}): DecisionCache {
  const { checker, ttlMs, maxEntries = 10_000, clock } = options;
  const byUser = new Map<string, Set<string>>();
  const flights = new Map<string, Promise<boolean>>();
  const endOfTurn = createEndOfTurn();
  let changes = 0;
  let suspended = false;
  const entries = new LRUCache<string, Entry>({
    max: maxEntries,
    ttl: ttlMs,
    ttlResolution: 0,
    // The library takes a start of 0 for no start at all, and such an entry would never end.
    perf: { now: () => clock.now() + 1 },
    dispose({ user }, key) {
      const keys = byUser.get(user);
      keys?.delete(key);
      if (keys?.size === 0) byUser.delete(user);
    },
  });

  function remember(key: string, question: Question, allowed: boolean): void {
    const { key: user } = question.user;
    entries.set(key, { allowed, user, tenant: question.resource.tenant, fromMs: clock.now() });
    const keys = byUser.get(user);
    if (keys) keys.add(key);
    else byUser.set(user, new Set([key]));
  }

  function remembered(key: string): Entry | undefined {
    const entry = entries.get(key);
    // A clock that was set back makes the entry unusable, not immortal.
    return entry && entry.fromMs <= clock.now() ? entry : undefined;
  }

  async function ask(key: string, question: Question, how: Parameters<PermissionChecker['isAllowed']>[1]) {
    const before = changes;
    const allowed = await checker.isAllowed(question, how);
    if (before === changes && !suspended) remember(key, question, allowed);
    return allowed;
  }

  /** Joins the question's flight, or starts it. */
  function askOnce(key: string, question: Question, how: Parameters<PermissionChecker['isAllowed']>[1]) {
    const flight = flights.get(key);
    if (flight) return flight;
    const answer = ask(key, question, how);
    flights.set(key, answer);
    const landed = () => {
      if (flights.get(key) === answer) flights.delete(key);
    };
    answer.then(landed, landed);
    return answer;
  }

  return {
    async isAllowed(question, how) {
      if (suspended) return checker.isAllowed(question, how);
      const key = questionKey(question);
      if (how?.fresh) return ask(key, question, how);
      if (!remembered(key)) return askOnce(key, question, how);
      await endOfTurn();
      // Looked up now: it may have been forgotten within this turn.
      const known = remembered(key);
      if (!known) return suspended ? checker.isAllowed(question, how) : askOnce(key, question, how);
      if (how?.trace) how.trace.cached = true;
      return known.allowed;
    },

    permissionsOf: (query) => checker.permissionsOf(query),

    forget({ user, tenant }) {
      changes += 1;
      // Whoever asks from now on must not get an answer that was asked for before.
      flights.clear();
      if (user === undefined && tenant === undefined) {
        entries.clear();
        return;
      }
      const keys = user === undefined ? entries.keys() : (byUser.get(user) ?? []);
      for (const key of [...keys]) {
        if (tenant === undefined || entries.peek(key)?.tenant === tenant) entries.delete(key);
      }
    },

    suspend(now) {
      suspended = now;
      changes += 1;
      flights.clear();
      entries.clear();
    },

    get size() {
      return entries.size;
    },
  };
}
