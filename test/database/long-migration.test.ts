import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import type { Database } from '../../src/database/database.ts';
import { migrate } from '../../src/database/migrate.ts';
import { openPostgres } from '../../src/database/postgres.ts';
import { createPostgresDatabase, postgresUrl } from '../support/database.ts';

if (!postgresUrl) console.warn('SKIPPED: a long migration on Postgres; TEST_DATABASE_URL is not set.');

const log = pino({ level: 'silent' });

/** Takes longer than a server and a client with half a second each would wait. */
const LONG = 'SELECT pg_sleep(0.8)';

(postgresUrl ? describe : describe.skip)('on Postgres, with half a second for a statement', () => {
  let drop: () => Promise<void>;
  let hurriedServer: Database;
  let hurriedClient: Database;
  beforeAll(async () => {
    const postgres = await createPostgresDatabase(postgresUrl as string);
    const { url } = postgres;
    drop = postgres.drop;
    hurriedServer = openPostgres({ url, log, statementTimeoutMs: 500 });
    hurriedClient = openPostgres({ url, log, answerTimeoutMs: 500 });
  });
  afterAll(async () => {
    await Promise.all([hurriedServer.close(), hurriedClient.close()]);
    await drop();
  });

  it.each([
    ['server', () => hurriedServer],
    ['client', () => hurriedClient],
  ] as const)('the deadline of the %s ends a statement, but no migration', async (where, database) => {
    await expect(database().query(LONG)).rejects.toMatchObject({ status: 503, upstream: 'database' });
    await expect(database().transaction((tx) => tx.query(LONG))).rejects.toMatchObject({ status: 503 });

    const id = `long-${where}`;
    const sql = `CREATE TABLE elp.${where} (a int); ${LONG}; INSERT INTO elp.${where} VALUES (1);`;
    expect(await migrate(database(), [{ id, sql }])).toEqual([id]);
    expect((await database().query(`SELECT a FROM elp.${where}`)).rows).toEqual([{ a: 1 }]);

    // Lifted for that transaction alone, on whichever connection it was.
    await expect(database().query(LONG)).rejects.toMatchObject({ status: 503 });
  });
});
