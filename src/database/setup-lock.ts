import { setTimeout as delay } from 'node:timers/promises';
import { UpstreamUnavailable } from '../errors.ts';
import type { Queryable } from './database.ts';

/** Any numbers will do, as long as all instances of this software use the same ones. */
const LOCKS = { migrations: 7_214_001, queue: 7_214_002 } as const;

/**
 * Holds everybody else who sets the same thing up until the transaction ends. Asks again and again instead of
 * waiting in the database, where the deadline of a statement would end the wait.
 *
 * @throws UpstreamUnavailable('database') after a minute.
 */
export async function holdSetupLock(tx: Queryable, what: keyof typeof LOCKS): Promise<void> {
  const giveUpAt = performance.now() + 60_000;
  for (;;) {
    const { rows } = await tx.query<{ held: boolean }>('SELECT pg_try_advisory_xact_lock($1) AS held', [
      LOCKS[what],
    ]);
    if (rows[0]?.held) return;
    if (performance.now() >= giveUpAt)
      throw new UpstreamUnavailable('database', `another instance is busy with ${what}`);
    await delay(100);
  }
}
