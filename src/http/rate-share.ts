import { createHash } from 'node:crypto';
import type { Logger } from 'pino';
import type { Database, Migration } from '../database/database.ts';
import type { RateWindow, Unshared } from './rate-window.ts';

const SHARE_EVERY_MS = 1_000;

/** Losing these counts in a crash costs nothing, so they need no write-ahead log. */
export const rateLimitMigrations: Migration[] = [
  {
    id: 'rate-limit-001',
    sql: `
      create schema if not exists elp;
      create unlogged table elp.rate_count (
        "window" bigint not null,
        key text not null,
        count integer not null,
        primary key ("window", key)
      );
    `,
  },
];

const ADD = `
  insert into elp.rate_count as r ("window", key, count)
  select $1::bigint, key, count from unnest($2::text[], $3::int[]) as added (key, count)
  order by key
  on conflict ("window", key) do update set count = r.count + excluded.count
  returning key, count`;

export type RateShare = { start(): void; stop(): Promise<void>; shareNow(): Promise<void> };

/**
 * Adds up the counts of all instances about once a second: what was counted here goes to the database, and what
 * the others have counted for the same keys comes back. No request waits for it.
 *
 * Between two exchanges each instance knows only its own requests, so that a caller who reaches all `n` of them at
 * once can get through at most about `n - 1` seconds' worth of requests more than the limit, never more than `n`
 * times the limit. Keys are stored as hashes: they hold addresses and ids of people.
 */
export function createRateShare(options: {
  database: Database;
  rateWindow: RateWindow;
  log: Logger;
}): RateShare {
  const { database, rateWindow, log } = options;
  /** What of each key's total has been counted in `rateWindow` already. */
  let known = { window: 0, totals: new Map<string, number>() };
  let timer: NodeJS.Timeout | undefined;
  let sharing: Promise<void> | undefined;

  async function share({ window, counts }: Unshared): Promise<void> {
    if (counts.size === 0) return;
    if (known.window !== window) await startWindow(window);
    const keyOf = new Map([...counts.keys()].map((key) => [hashOf(key), key]));
    const own = [...counts.values()];
    const { rows } = await database.query<{ key: string; count: number }>(ADD, [
      window,
      [...keyOf.keys()],
      own,
    ]);
    for (const row of rows) {
      const key = keyOf.get(row.key) as string;
      const knownHere = (known.totals.get(key) ?? 0) + (counts.get(key) as number);
      known.totals.set(key, row.count);
      await rateWindow.addForeign(window, key, row.count - knownHere);
    }
  }

  async function startWindow(window: number): Promise<void> {
    known = { window, totals: new Map() };
    await database.query('delete from elp.rate_count where "window" < $1', [window - 1]);
  }

  function shareNow(): Promise<void> {
    sharing ??= share(rateWindow.unshared())
      // Each instance still limits by itself: an outage here must not become one of the API.
      .catch((err) => log.warn({ err }, 'rate limits cannot be shared'))
      .finally(() => {
        sharing = undefined;
      });
    return sharing;
  }

  return {
    shareNow,
    start() {
      timer = setInterval(() => void shareNow(), SHARE_EVERY_MS);
      timer.unref();
    },
    async stop() {
      clearInterval(timer);
      await sharing;
    },
  };
}

function hashOf(key: string): string {
  return createHash('sha256').update(key).digest('base64url');
}
