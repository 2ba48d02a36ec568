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
  cache: DecisionCache;
  log: Logger;
}): DecisionNotices {
  const { database, cache, log } = options;
  let stopListening: (() => Promise<void>) | undefined;
  cache.suspend(true);

  function receive(payload: string): void {
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
      cache.forget(what);
      await database.query('select pg_notify($1, $2)', [CHANNEL, JSON.stringify(what)]);
    },
    async start() {
      stopListening ??= await database.listen(CHANNEL, receive, (listening) => cache.suspend(!listening));
      cache.suspend(false);
    },
    async stop() {
      cache.suspend(true);
      await stopListening?.();
      stopListening = undefined;
    },
  };
}
