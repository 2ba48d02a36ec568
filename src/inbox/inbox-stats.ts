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

/** From here on counting costs tens of milliseconds of the embedded database, which is everybody's thread. */
const MANY = 10_000;
const REMEMBERED_MS = 10_000;

type Counts = { backlog: string; dead: string; oldest: Date | null };

/** What an operator looks at first; also behind the gauges. A long backlog is counted every ten seconds. */
export function createInboxStats(options: {
  database: Database;
  clock: Clock;
  pause: { current(): Promise<Pause | undefined> };
}): () => Promise<InboxStats> {
  const { database, clock, pause } = options;
  let long: { counts: Counts; atMs: number } | undefined;

  async function count(): Promise<Counts> {
    if (long && Math.abs(clock.now() - long.atMs) < REMEMBERED_MS) return long.counts;
    const atMs = clock.now();
    const { rows } = await database.query<Counts>(
      `SELECT (SELECT count(*) FROM elp.letter WHERE status = 'open') AS backlog,
              (SELECT count(*) FROM elp.letter WHERE status = 'dead') AS dead,
              (SELECT received_at FROM elp.letter WHERE status = 'open' ORDER BY id LIMIT 1) AS oldest`,
    );
    const counts = rows[0] ?? { backlog: '0', dead: '0', oldest: null };
    long = Number(counts.backlog) + Number(counts.dead) >= MANY ? { counts, atMs } : undefined;
    return counts;
  }

  return async function stats() {
    const { backlog, dead, oldest } = await count();
    return {
      backlog: Number(backlog),
      dead: Number(dead),
      oldestSeconds: oldest ? Math.max(0, (clock.now() - oldest.getTime()) / 1_000) : 0,
      paused: await pause.current(),
    };
  };
}
