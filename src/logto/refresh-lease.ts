import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { Database } from '../database/database.ts';
import { UpstreamUnavailable } from '../errors.ts';
import { hashOf } from './session-rows.ts';

const LOOK_EVERY_MS = 50;

/** In one statement: whether the session is ours from now on, and whether it is there at all. */
const TAKE = `
  WITH taken AS (
    UPDATE elp.session
       SET refresh_owner = $2, refresh_until = clock_timestamp() + $3::int * interval '1 millisecond'
     WHERE id_hash = $1 AND (refresh_until IS NULL OR refresh_until <= clock_timestamp())
     RETURNING 1
  )
  SELECT EXISTS (SELECT 1 FROM taken) AS taken,
         EXISTS (SELECT 1 FROM elp.session WHERE id_hash = $1) AS there`;

const RELEASE = `
  UPDATE elp.session SET refresh_owner = NULL, refresh_until = NULL WHERE id_hash = $1 AND refresh_owner = $2`;

export type UnderLease = <T>(id: string, work: () => Promise<T>) => Promise<T>;

/**
 * One instance at a time works on the tokens of a session. A refresh token may be good for one use: two instances
 * that use it at the same moment look like a theft to Logto, which then ends everything that came of the sign-in.
 *
 * A lease in the row and no lock: a lock would hold a connection of the database for as long as Logto takes. It
 * runs by the database's clock, and one whose holder has died ends by itself.
 *
 * @param options.leaseMs longer than all calls of one refresh can take together.
 * @param options.waitMs how long others wait for the holder.
 * @returns runs `work` under the lease of a session; of one that has ended, without.
 * @throws UpstreamUnavailable when the holder takes longer than `waitMs`.
 */
export function createRefreshLeases(options: {
  database: Database;
  leaseMs: number;
  waitMs: number;
}): UnderLease {
  const { database, leaseMs, waitMs } = options;

  async function take(row: string, owner: string): Promise<void> {
    const untilMs = performance.now() + waitMs;
    for (;;) {
      const { rows } = await database.query<{ taken: boolean; there: boolean }>(TAKE, [row, owner, leaseMs]);
      if (rows.some(({ taken, there }) => taken || !there)) return;
      if (performance.now() >= untilMs) {
        throw new UpstreamUnavailable('logto', 'another refresh of this session takes too long');
      }
      await pause(LOOK_EVERY_MS);
    }
  }

  return async function underLease(id, work) {
    const row = hashOf(id);
    const owner = randomUUID();
    await take(row, owner);
    try {
      return await work();
    } finally {
      // Should this fail, the lease ends by itself; what the work brought is not to be lost for it.
      await database.query(RELEASE, [row, owner]).catch(() => undefined);
    }
  };
}
