import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import { callOperator } from '../embedded/call-operator.ts';
import { ConfigurationError, openDatabase } from '../index.ts';
import type { Finding } from './finding.ts';
import type { Reached } from './reach-services.ts';

/** The database answers, and has the tables of this version. */
export async function* databaseChecks({ config, running }: Reached): AsyncGenerator<Finding> {
  const part = 'database';
  const { url, dataDir } = config.database;
  if (!url && running) {
    try {
      await callOperator(running, 'ping', null);
      yield { part, state: 'ok', what: `embedded in ${dataDir}, asked through the running application` };
    } catch (error) {
      yield {
        part,
        state: 'fail',
        what: `embedded in ${dataDir}: ${(error as Error).message}`,
        mend: 'the running application has to answer for it: look at its log',
      };
    }
    return;
  }
  if (!url && !existsSync(join(dataDir, 'database'))) {
    yield { part, state: 'ok', what: `embedded; ${dataDir} will be made at the first start` };
    return;
  }
  try {
    const log = pino({ level: 'silent' });
    const database = await openDatabase(url ? { url, log } : { dataDir, log });
    try {
      const { rows } = await database.query<{ there: boolean }>(
        `select to_regclass('elp.migration') is not null as there`,
      );
      const tables = rows[0]?.there ? 'has its tables' : 'is empty: its tables are made at the first start';
      yield {
        part,
        state: 'ok',
        what: `${url ? 'Postgres' : `embedded in ${dataDir}`} answers and ${tables}`,
      };
    } finally {
      await database.close();
    }
  } catch (error) {
    const { name, message, cause } = error as Error;
    if (error instanceof ConfigurationError) {
      for (const problem of error.problems) yield { part, state: 'fail', what: problem };
      return;
    }
    const reason = cause instanceof Error ? cause.message : message;
    yield {
      part,
      state: 'fail',
      what: `${url ? 'Postgres' : `embedded in ${dataDir}`} cannot be opened: ${reason}`,
      mend:
        name === 'DatabaseInUse'
          ? 'another process has the folder: stop it, or let it answer'
          : 'check DATABASE_URL: host, port, database, user and password; the database has to exist',
    };
  }
}
