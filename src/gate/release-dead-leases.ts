import type { Database } from '../database/database.ts';

/**
 * The embedded database lets one process in at a time: whatever is still leased when we open it was leased by a
 * process that has died, and need not wait for the lease to run out. On Postgres others may be alive.
 */
export async function releaseDeadLeases(database: Database): Promise<void> {
  if (database.kind !== 'pglite') return;
  await database.query('update elp.subject set lease_until = null where lease_until is not null');
  await database.query('update elp.errand set lease_until = null where lease_until is not null');
  await database.query('delete from elp.reconcile_lease');
}
