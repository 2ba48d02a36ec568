import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { type Clock, systemClock } from '../clock.ts';
import type { Database } from '../database/database.ts';
import { createBatchingChecker } from '../permission/batching-checker.ts';
import type { PermissionChecker } from '../permission/checker.ts';
import { createBreaker } from '../permission/circuit-breaker.ts';
import { createDecisionCache, type Forgotten } from '../permission/decision-cache.ts';
import { createDecisionNotices } from '../permission/decision-notices.ts';
import { isCloudPdp, withCallBudget } from './call-budget.ts';
import { createDecisionEngine } from './decisions.ts';
import { observedEngine } from './observed-engine.ts';

export type CheckerOptions = {
  pdpUrl: string;
  apiKey: string;
  /** One attempt, in milliseconds; a check ends within 950 ms whatever happens. */
  timeoutMs?: number;
  /** 0, the default: every decision is asked afresh. */
  cacheTtlMs?: number;
  cacheMaxEntries?: number;
  /** Lets instances tell each other what to forget; without it the cache knows of this process alone. */
  database?: Database;
  clock?: Clock;
  log: Logger;
  metrics?: Registry;
};

export type Checker = PermissionChecker & {
  /** Drops remembered decisions of a user (Permit key), a tenant, or both together; of everybody for `{}`. */
  forget(what: Forgotten): Promise<void>;
  /** State of the way to the PDP, for readiness. */
  state(): 'closed' | 'open' | 'half-open';
  start(): Promise<void>;
  stop(): Promise<void>;
};

/**
 * The Permit.io implementation of {@link PermissionChecker}: fresh decisions in micro-batches, fail-closed,
 * behind a circuit breaker, with a cache when one is asked for. It opens no connection before the first
 * question; a cache that shares a database stays off until `start()`.
 *
 * @example
 * const checker = createChecker({ pdpUrl: 'http://localhost:7766', apiKey, log });
 * await checker.isAllowed({ user: { key: 'alice' }, action: 'view', resource: { type: 'reports', tenant: 'default' } });
 */
export function createChecker(options: CheckerOptions): Checker {
  const { pdpUrl, apiKey, timeoutMs = 500, cacheTtlMs = 0, database, clock = systemClock, log } = options;
  const observed = observedEngine(createDecisionEngine({ pdpUrl, apiKey, timeoutMs }), options);
  const engine = isCloudPdp(pdpUrl) ? withCallBudget(observed, { clock }) : observed;
  const breaker = createBreaker({
    counts: (failure) => ['outage', 'answer'].includes(engine.kindOf(failure)),
    onChange: (state) => log.warn({ state }, 'circuit to the PDP'),
  });
  const fresh = createBatchingChecker({ engine, breaker });
  const cache =
    cacheTtlMs > 0
      ? createDecisionCache({
          checker: fresh,
          ttlMs: cacheTtlMs,
          clock,
          ...(options.cacheMaxEntries === undefined ? {} : { maxEntries: options.cacheMaxEntries }),
        })
      : undefined;
  // Also without a cache of its own: instances and commands need not be configured alike.
  const notices = database && createDecisionNotices({ database, cache, log });

  return {
    isAllowed: (cache ?? fresh).isAllowed,
    permissionsOf: fresh.permissionsOf,
    async forget(what) {
      if (notices) await notices.forget(what);
      else cache?.forget(what);
    },
    state: breaker.state,
    async start() {
      await notices?.start();
    },
    async stop() {
      await notices?.stop();
      await engine.close();
    },
  };
}
