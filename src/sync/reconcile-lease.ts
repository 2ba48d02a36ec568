import { randomUUID } from 'node:crypto';
import type { Database } from '../database/database.ts';

const TTL_SECONDS = 60;
const RENEW_EVERY_MS = 15_000;

export class ReconcileBusy extends Error {
  constructor() {
    super('another reconcile is running');
    this.name = 'ReconcileBusy';
  }
}

/**
 * One reconcile at a time over all instances. The lease is timed by the database, which all of them share, and
 * runs out by itself when its holder dies.
 *
 * @throws ReconcileBusy
 */
export async function takeReconcileLease(database: Database) {
  const holder = randomUUID();
  const { rowCount } = await database.query(
    `insert into elp.reconcile_lease as l (holder, until) values ($1, clock_timestamp() + make_interval(secs => $2))
     on conflict (id) do update set holder = excluded.holder, until = excluded.until
     where l.until < clock_timestamp()`,
    [holder, TTL_SECONDS],
  );
  if (rowCount === 0) throw new ReconcileBusy();
  let lost = false;
  // By itself: a single step may wait minutes for the directory's limits.
  const renewal = setInterval(() => {
    database
      .query(
        `update elp.reconcile_lease set until = clock_timestamp() + make_interval(secs => $2) where holder = $1`,
        [holder, TTL_SECONDS],
      )
      .then(
        ({ rowCount: held }) => {
          lost ||= held === 0;
        },
        // A database that is away ends the run by itself.
        () => undefined,
      );
  }, RENEW_EVERY_MS).unref();

  return {
    /** @throws ReconcileBusy when somebody else has it. */
    hold(): void {
      if (lost) throw new ReconcileBusy();
    },
    async release(): Promise<void> {
      clearInterval(renewal);
      await database.query('delete from elp.reconcile_lease where holder = $1', [holder]);
    },
  };
}
