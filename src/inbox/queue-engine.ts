import type { ConstructorOptions } from 'pg-boss';
import type { Database, Queryable } from '../database/database.ts';
import { holdSetupLock } from '../database/setup-lock.ts';

type EngineDatabase = NonNullable<ConstructorOptions['db']>;

/** pg-boss's view of our database; it never opens a connection of its own. */
export function engineOn(database: Database): ConstructorOptions {
  const db: EngineDatabase = {
    executeSql: (text, values) => (values?.length ? database.query(text, values) : database.script(text)),
    async listen(channel, onNotification, onReconnect) {
      const close = await database.listen(channel, onNotification, (listening) => {
        // Notices were lost while the connection was away: look once.
        if (listening) onReconnect();
      });
      return { close };
    },
  };
  const embedded = database.kind === 'pglite';
  return {
    db,
    backend: database.kind,
    schema: 'pgboss',
    useListenNotify: true,
    schedule: false,
    registerInstance: false,
    superviseIntervalSeconds: 15,
    monitorIntervalSeconds: 15,
    maintenanceIntervalSeconds: 300,
    // One process and one connection: nothing to rebuild concurrently and no vacuum to watch.
    ...(embedded ? { reindex: false, monitorVacuum: false } : {}),
  };
}

/** The same for one transaction. */
export function transactionOf(tx: Queryable): EngineDatabase {
  return { executeSql: (text, values = []) => tx.query(text, values) };
}

/** One instance at a time: two that install the engine's schema in the same moment would fail each other. */
export async function install(database: Database, start: () => Promise<void>): Promise<void> {
  // The embedded database has one process, and one connection, which the engine needs itself.
  if (database.kind === 'pglite') return start();
  await database.transaction(async (tx) => {
    await holdSetupLock(tx, 'queue');
    await start();
  });
}
