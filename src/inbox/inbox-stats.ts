import type { Clock } from '../clock.ts';
import type { Database } from '../database/database.ts';
import type { Pause } from './pause.ts';

export type InboxStats = {
  /** Letters that are not settled. */
  backlog: number;
  /** Letters that wait for a person. */
  dead: number;
  /** Age of the oldest open letter. */
  oldestSeconds: number;
  paused: Pause | undefined;
};

/** What an operator looks at first; also behind the gauges. */
export function createInboxStats(options: {
  database: Database;
  clock: Clock;
  pause: { current(): Promise<Pause | undefined> };
}): () => Promise<InboxStats> {
  const { database, clock, pause } = options;
  return async function stats() {
    const { rows } = await database.query<{ backlog: string; dead: string; oldest: Date | null }>(
      `SELECT (SELECT count(*) FROM elp.letter WHERE status = 'open') AS backlog,
              (SELECT count(*) FROM elp.letter WHERE status = 'dead') AS dead,
              (SELECT received_at FROM elp.letter WHERE status = 'open' ORDER BY id LIMIT 1) AS oldest`,
    );
    const { backlog = '0', dead = '0', oldest = null } = rows[0] ?? {};
    return {
      backlog: Number(backlog),
      dead: Number(dead),
      oldestSeconds: oldest ? Math.max(0, (clock.now() - oldest.getTime()) / 1_000) : 0,
      paused: await pause.current(),
    };
  };
}
