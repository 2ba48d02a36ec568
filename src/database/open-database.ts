import type { Logger } from 'pino';
import type { Database } from './database.ts';
import { openPglite } from './pglite.ts';
import { openPostgres } from './postgres.ts';

export type OpenDatabaseOptions = {
  /** `postgres://…`; wins over `dataDir`. */
  url?: string | undefined;
  /** Folder for the embedded database, made when missing; this process alone may use it. */
  dataDir?: string | undefined;
  log: Logger;
  /** Postgres only: connections of this process. */
  maxConnections?: number;
};

/**
 * The database of this process: Postgres at `url`, else PGlite in `dataDir`, else PGlite in memory.
 *
 * Postgres is tried once, so that a wrong URL shows itself here and not on the first request; the lock on a
 * folder is held until `close()` or the end of the process, however it ends.
 *
 * @throws DatabaseInUse when another process has the folder (within 5 seconds, naming it); ConfigurationError when
 *   the folder cannot be locked at all.
 * @throws UpstreamUnavailable('database') when Postgres cannot be reached.
 *
 * @example
 * const database = await openDatabase({ dataDir: '.data', log });
 * await migrate(database, [...inboxMigrations, ...sessionMigrations]);
 */
export async function openDatabase(options: OpenDatabaseOptions): Promise<Database> {
  const { url, dataDir, log, maxConnections } = options;
  if (!url) return openPglite(dataDir ? { dataDir } : {});
  const database = openPostgres({ url, log, ...(maxConnections ? { maxConnections } : {}) });
  try {
    await database.query('SELECT 1');
  } catch (error) {
    await database.close();
    throw error;
  }
  return database;
}
