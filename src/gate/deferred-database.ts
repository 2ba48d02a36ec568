import type { Logger } from 'pino';
import type { Database } from '../database/database.ts';
import { openDatabase } from '../database/open-database.ts';
import { UpstreamUnavailable } from '../errors.ts';

/** An open database, or where one is: `url` of Postgres, else a folder for the embedded one, else memory. */
export type DatabaseSource = Database | { url?: string | undefined; dataDir?: string | undefined };

export type DeferredDatabase = {
  database: Database;
  /** Of the embedded database that `open` opens, when it is in a folder. */
  dataDir: string | undefined;
  open(): Promise<void>;
  /** Leaves a database alone that was open when it came. */
  close(): Promise<void>;
};

const isOpen = (source: DatabaseSource): source is Database => 'query' in source;

/** Lets every room hold its database before there is a connection: nothing opens until the start. */
export function deferDatabase(source: DatabaseSource, log: Logger): DeferredDatabase {
  let opened: Database | undefined = isOpen(source) ? source : undefined;

  function current(): Database {
    if (!opened) throw new UpstreamUnavailable('database', 'not started');
    return opened;
  }

  return {
    database: {
      get kind() {
        return isOpen(source) ? source.kind : source.url ? 'postgres' : 'pglite';
      },
      query: async (sql, parameters) => current().query(sql, parameters),
      transaction: async (work) => current().transaction(work),
      script: async (sql) => current().script(sql),
      listen: async (channel, onNotice, onState) => current().listen(channel, onNotice, onState),
      close: async () => opened?.close(),
    },
    dataDir: isOpen(source) || source.url ? undefined : source.dataDir,
    async open() {
      if (!isOpen(source)) opened ??= await openDatabase({ ...source, log });
    },
    async close() {
      if (isOpen(source)) return;
      const closing = opened;
      opened = undefined;
      await closing?.close();
    },
  };
}
