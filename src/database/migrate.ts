import type { Database, Migration } from './database.ts';
import { holdSetupLock } from './setup-lock.ts';

/**
 * Brings the schema `elp` up to date: runs what has not run yet, in the given order, all or nothing. Any number
 * of instances may start at once; one migrates, the others wait up to a minute.
 *
 * @returns the ids that were applied by this call.
 * @throws Error when two migrations share an id; UpstreamUnavailable when another instance takes longer, or a table
 *   is in use for three seconds: start again; the database's own error when one fails.
 *
 * @example
 * await migrate(database, [...inboxMigrations, ...syncMigrations]);
 */
export async function migrate(database: Database, migrations: readonly Migration[]): Promise<string[]> {
  const ids = new Set<string>();
  for (const { id } of migrations) {
    if (ids.has(id)) throw new Error(`two migrations are called ${id}`);
    ids.add(id);
  }
  return database.transaction(async (tx) => {
    await holdSetupLock(tx, 'migrations');
    // A table may take minutes to rewrite; ended half-way, it would be begun anew at every start.
    await tx.query('SET LOCAL statement_timeout = 0');
    // Whoever waits for a table is waited for by everybody who reads it: the instances that serve would stop with it.
    await tx.query("SET LOCAL lock_timeout = '3s'");
    await tx.script(`
      CREATE SCHEMA IF NOT EXISTS elp;
      CREATE TABLE IF NOT EXISTS elp.migration (id text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now());
    `);
    const { rows } = await tx.query<{ id: string }>('SELECT id FROM elp.migration');
    const done = new Set(rows.map((row) => row.id));
    const missing = migrations.filter(({ id }) => !done.has(id));
    for (const { id, sql } of missing) {
      await tx.script(sql);
      await tx.query('INSERT INTO elp.migration (id) VALUES ($1)', [id]);
    }
    return missing.map(({ id }) => id);
  });
}
