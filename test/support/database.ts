import { createHash, randomBytes } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import pg from 'pg';
import { pino } from 'pino';
import { systemClock } from '../../src/clock.ts';
import type { Database, Migration } from '../../src/database/database.ts';
import { migrate } from '../../src/database/migrate.ts';
import { openDatabase } from '../../src/database/open-database.ts';
import { openPglite } from '../../src/database/pglite.ts';
import { createQueue } from '../../src/inbox/queue.ts';

const log = pino({ level: 'silent' });

/** Set when the database suites run on a real Postgres; each database that is opened is dropped on close. */
export const postgresUrl = process.env.TEST_DATABASE_URL;

/**
 * A migrated database of its own for one test file or one test: PGlite in memory from a template that is made
 * once and kept below `node_modules/.cache`, or a new database on the Postgres of `TEST_DATABASE_URL`.
 */
export async function openTestDatabase(migrations: Migration[]): Promise<Database> {
  if (postgresUrl) return openOnPostgres(postgresUrl, migrations);
  return openEmbedded(migrations);
}

/** The embedded one, also where the suites run on Postgres. */
export async function openEmbedded(
  migrations: Migration[],
  options: { idleInTransactionMs?: number } = {},
): Promise<Database> {
  return openPglite({ template: await templateOf(migrations), ...options });
}

/** The same on Postgres for several instances: `connect()` opens another pool on the one database. */
export async function createPostgresDatabase(
  url: string,
): Promise<{ url: string; connect(): Promise<Database>; drop(): Promise<void> }> {
  const name = `elp_test_${randomBytes(8).toString('hex')}`;
  await asAdmin(url, `CREATE DATABASE ${name}`);
  const own = new URL(url);
  own.pathname = `/${name}`;
  return {
    url: own.href,
    connect: () => openDatabase({ url: own.href, log }),
    drop: () => asAdmin(url, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`),
  };
}

async function asAdmin(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

async function openOnPostgres(url: string, migrations: Migration[]): Promise<Database> {
  const { connect, drop } = await createPostgresDatabase(url);
  const database = await connect();
  await migrate(database, migrations);
  let closing: Promise<void> | undefined;
  return {
    ...database,
    close() {
      closing ??= database.close().then(drop);
      return closing;
    },
  };
}

const cache = resolve('node_modules/.cache/express-logto-permit');
const versions = ['@electric-sql/pglite', 'pg-boss'].map(
  (name) => JSON.parse(readFileSync(resolve(`node_modules/${name}/package.json`), 'utf8')).version as string,
);
const keyOf = (...parts: unknown[]) =>
  createHash('sha256')
    .update(JSON.stringify([versions, parts]))
    .digest('hex')
    .slice(0, 32);

/** Workers may make the same thing at once: each makes its own, the first rename wins. */
async function cached(name: string, make: (unfinished: string) => Promise<void>): Promise<string> {
  const path = join(cache, name);
  if (existsSync(path)) return path;
  mkdirSync(cache, { recursive: true });
  const unfinished = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`;
  await make(unfinished);
  try {
    renameSync(unfinished, path);
  } catch (error) {
    rmSync(unfinished, { recursive: true, force: true });
    if (!existsSync(path)) throw error;
  }
  return path;
}

/** Making a database takes seconds of work, and the queue engine's own schema another one: once for all suites. */
const baseDir = () =>
  cached(`base-${keyOf()}`, async (dataDir) => {
    const database = await openPglite({ dataDir });
    const queue = createQueue({ database, log, clock: systemClock });
    await queue.start();
    await queue.stop();
    await database.close();
  });

/** Fills `dataDir` with a migrated embedded database, the queue engine's own schema included. */
export async function makeDataDir(dataDir: string, migrations: Migration[]): Promise<void> {
  cpSync(await baseDir(), dataDir, { recursive: true });
  const database = await openPglite({ dataDir });
  await migrate(database, migrations);
  await database.close();
}

async function templateOf(migrations: Migration[]): Promise<Blob> {
  const file = await cached(`${keyOf(migrations)}.tar`, async (unfinished) => {
    const dataDir = mkdtempSync(join(tmpdir(), 'elp-template-'));
    try {
      await makeDataDir(dataDir, migrations);
      const pglite = await PGlite.create({ dataDir: join(dataDir, 'database') });
      const dump = await pglite.dumpDataDir('none');
      await pglite.close();
      writeFileSync(unfinished, Buffer.from(await dump.arrayBuffer()));
    } finally {
      rmSync(dataDir, { recursive: true, force: true });
    }
  });
  return new Blob([readFileSync(file)]);
}
