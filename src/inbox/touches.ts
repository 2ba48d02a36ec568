import type { Clock } from '../clock.ts';
import type { Database, Queryable } from '../database/database.ts';
import { TOUCH_SUBJECT } from './subject-functions.ts';

/** What became of the subjects that were put to work without a letter. */
export type Touched = {
  /** Not tried yet. */
  waiting: number;
  /** Tried in vain: to be tried again, or given up. */
  failed: number;
  /** The first of those that failed. */
  failures: { subject: string; why: string }[];
};

const SHOWN = 200;

/** Subjects that somebody wants to be looked at, without a letter that speaks of them. */
export function createTouches(options: {
  database: Database;
  clock: Clock;
  send(subject: string, urgent: boolean, tx: Queryable): Promise<void>;
}) {
  const { database, clock, send } = options;
  return {
    async touch(subject: string, urgent: boolean, tx: Queryable): Promise<void> {
      await tx.query(TOUCH_SUBJECT, [subject, new Date(clock.now())]);
      await send(subject, urgent, tx);
    },

    async since(ms: number): Promise<Touched> {
      const { rows } = await database.query<{ waiting: string; failed: string }>(
        `SELECT (SELECT count(*) FROM elp.subject
                 WHERE touches > touches_done AND touch_attempts = 0 AND touch_try_at >= $1) AS waiting,
                (SELECT count(*) FROM elp.subject WHERE touch_failed_at >= $1) AS failed`,
        [new Date(ms)],
      );
      const { waiting = '0', failed = '0' } = rows[0] ?? {};
      const { rows: failures } =
        failed === '0'
          ? { rows: [] }
          : await database.query<{ subject: string; why: string }>(
              `SELECT subject, COALESCE(touch_reason, '') AS why FROM elp.subject
               WHERE touch_failed_at >= $1 ORDER BY touch_failed_at, subject LIMIT $2`,
              [new Date(ms), SHOWN],
            );
      return { waiting: Number(waiting), failed: Number(failed), failures };
    },
  };
}
