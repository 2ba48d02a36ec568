import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';
import type { Database } from '../database/database.ts';

export type Pause = {
  since: Date;
  reason: string;
  /** Paused by a person, who alone ends it; otherwise a probe that succeeds does. */
  manual: boolean;
};

const PROBE_EVERY_MS = 30_000;
/** Every piece of work asks; the answer of another instance may be this late. */
const REMEMBERED_MS = 1_000;

/** Whether the inbox works at all: one row that all instances share. */
export function createPause(options: { database: Database; clock: Clock; log: Logger }) {
  const { database, clock, log } = options;
  let known: Pause | undefined;
  let askedAt = Number.NEGATIVE_INFINITY;
  const at = (afterMs = 0) => new Date(clock.now() + afterMs);

  async function current(): Promise<Pause | undefined> {
    if (performance.now() - askedAt < REMEMBERED_MS) return known;
    const { rows } = await database.query<Pause>('SELECT since, reason, manual FROM elp.inbox_pause');
    known = rows[0];
    askedAt = performance.now();
    return known;
  }

  function forget(): void {
    askedAt = Number.NEGATIVE_INFINITY;
  }

  return {
    current,

    async pause(reason: string, manual: boolean): Promise<void> {
      const { rows } = await database.query<{ fresh: boolean }>(
        `INSERT INTO elp.inbox_pause AS p (since, reason, manual, probe_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (only_one) DO UPDATE
         SET reason = excluded.reason, manual = p.manual OR excluded.manual, probe_at = excluded.probe_at
         RETURNING since = $1 AS fresh`,
        [at(), reason.slice(0, 500), manual, at(PROBE_EVERY_MS)],
      );
      forget();
      if (rows[0]?.fresh)
        log.error({ reason, manual }, 'the inbox is paused: letters are kept and nothing is worked');
    },

    /** `byProbe`: what a person has paused meanwhile stays so. */
    async resume({ byProbe = false } = {}): Promise<boolean> {
      const { rowCount } = await database.query(
        `DELETE FROM elp.inbox_pause${byProbe ? ' WHERE NOT manual' : ''}`,
      );
      forget();
      if (rowCount > 0) log.info('the inbox works again');
      return rowCount > 0;
    },

    /** True for one caller in a while, over all instances: that one may try a single subject. */
    async claimProbe(): Promise<boolean> {
      const { rowCount } = await database.query(
        'UPDATE elp.inbox_pause SET probe_at = $1 WHERE NOT manual AND probe_at <= $2',
        [at(PROBE_EVERY_MS), at()],
      );
      return rowCount === 1;
    },
  };
}
