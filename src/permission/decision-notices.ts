import type { Logger } from 'pino';
import { z } from 'zod';
import type { Database } from '../database/database.ts';
import type { DecisionCache, Forgotten } from './decision-cache.ts';

const CHANNEL = 'elp_decisions';
const noticeSchema = z.object({ user: z.string().optional(), tenant: z.string().optional() });

export type DecisionNotices = {
  /** Drops the decisions here and in every instance on this database. */
  forget(what: Forgotten): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
};

/**
 * Keeps the decision caches of all instances in step over `NOTIFY`. While the connection that listens is down
 * the cache is off, because a notice may be lost.
 */
export function createDecisionNotices(options: {
  database: Database;
  /** Without one this process has nothing to forget, and tells the others. */
  cache: DecisionCache | undefined;
  log: Logger;
}): DecisionNotices {
  const { database, cache, log } = options;
  let stopListening: (() => Promise<void>) | undefined;
  cache?.suspend(true);

  function receive(cache: DecisionCache, payload: string): void {
    try {
      const { user, tenant } = noticeSchema.parse(JSON.parse(payload));
      cache.forget({ ...(user === undefined ? {} : { user }), ...(tenant === undefined ? {} : { tenant }) });
    } catch (error) {
      log.warn({ err: error }, 'decision notice not understood: all decisions dropped');
      cache.forget({});
    }
  }

  return {
    async forget(what) {
      cache?.forget(what);
      // The embedded database has no other process.
      if (!cache && database.kind === 'pglite') return;
      await database.query('select pg_notify($1, $2)', [CHANNEL, JSON.stringify(what)]);
    },
    async start() {
      if (!cache) return;
      stopListening ??= await database.listen(
        CHANNEL,
        (payload) => receive(cache, payload),
        (listening) => cache.suspend(!listening),
      );
      cache.suspend(false);
    },
    async stop() {
      cache?.suspend(true);
      await stopListening?.();
      stopListening = undefined;
    },
  };
}
