import { setTimeout as delay } from 'node:timers/promises';
import type { Database } from '../database/database.ts';

/** See `Queue.drain`. Asks the engine's own table, so that it also sees what other instances run. */
export function createDrain(options: {
  database: Database;
  wake(name: string): void;
  names(): string[];
}): (name?: string, options?: { timeoutMs?: number }) => Promise<void> {
  const { database, wake } = options;
  return async function drain(name, { timeoutMs = 15_000 } = {}) {
    const giveUpAt = performance.now() + timeoutMs;
    for (;;) {
      const names = name ? [name] : options.names();
      const { rows } = await database.query<{ name: string; open: string }>(
        `SELECT name, count(*) AS open FROM pgboss.job
         WHERE name = ANY($1) AND (state = 'active' OR (state < 'active' AND start_after <= now()))
         GROUP BY name`,
        [names],
      );
      if (rows.length === 0) return;
      if (performance.now() > giveUpAt) {
        throw new Error(
          `still open after ${timeoutMs} ms: ${rows.map((r) => `${r.name} ${r.open}`).join(', ')}`,
        );
      }
      for (const row of rows) wake(row.name);
      await delay(2);
    }
  };
}
