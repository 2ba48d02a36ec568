import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { revocationMigrations } from '../../src/auth/revocation-migrations.ts';
import { createRevocations, type Revocations } from '../../src/auth/revocations.ts';
import type { Database } from '../../src/database/database.ts';
import { migrate } from '../../src/database/migrate.ts';
import { openDatabase } from '../../src/database/open-database.ts';
import { manualClock, silentLog } from '../support/auth-app.ts';
import { type AuthHarness, startAuthHarness } from '../support/auth-harness.ts';
import { createPostgresDatabase, postgresUrl } from '../support/database.ts';
import { startDatabaseProxy } from '../support/database-proxy.ts';
import { until } from '../support/until.ts';

if (!postgresUrl)
  console.warn('SKIPPED: revocations on two instances of Postgres; TEST_DATABASE_URL is not set');

(postgresUrl ? describe : describe.skip)('revocations on two instances that share one Postgres', () => {
  let databases: [Database, Database];
  let proxy: Awaited<ReturnType<typeof startDatabaseProxy>>;
  let drop: () => Promise<void>;
  let first: Revocations;
  let second: Revocations;
  /** The second instance's door: a verifier with a warm token cache behind a real server. */
  let door: AuthHarness;
  let skippedMs = 0;
  let probes = 0;

  beforeAll(async () => {
    const postgres = await createPostgresDatabase(postgresUrl as string);
    drop = postgres.drop;
    proxy = await startDatabaseProxy(postgres.url);
    databases = [await postgres.connect(), await openDatabase({ url: proxy.url, log: silentLog })];
    await migrate(databases[0], revocationMigrations);
    const start = async (database: Database) => {
      const uptimeMs = () => performance.now() + skippedMs;
      const revocations = createRevocations({ database, clock: manualClock(), log: silentLog, uptimeMs });
      await revocations.start();
      return revocations;
    };
    first = await start(databases[0]);
    second = await start(databases[1]);
    door = await startAuthHarness({ revocations: second, tokenCacheTtlMs: 30_000 });
  });
  afterAll(async () => {
    await door.close();
    proxy.mend();
    await Promise.all([first.stop(), second.stop()]);
    await Promise.all(databases.map((database) => database.close()));
    await proxy.close();
    await drop();
  });

  const now = () => new Date(door.clock.now());

  /** A live token of `sub`, taken once at the second instance's door. */
  async function liveTokenOf(sub: string): Promise<string> {
    const token = door.token({ sub });
    expect((await door.ask(token)).status).toBe(200);
    return token;
  }

  async function expectRefusedWithin(deadlineMs: number, token: string): Promise<void> {
    await until(async () => (await door.ask(token)).status === 401, deadlineMs);
    probes += 1;
    expect((await door.ask(token, `refused-${probes}`)).status).toBe(401);
    expect(door.app.runs(`refused-${probes}`)).toBe(0);
    await liveTokenOf('somebody-else');
  }

  it('a live token is refused on the other within a second', async () => {
    const token = await liveTokenOf('alice');
    await first.revokeSubject('alice', now());
    await expectRefusedWithin(1_000, token);
  });

  it('with every listener cut, within two seconds', async () => {
    const token = await liveTokenOf('bob');
    const { rowCount } = await databases[0].query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and query ilike 'listen%' and pid <> pg_backend_pid()`,
    );
    expect(rowCount).toBe(2);
    await first.revokeSubject('bob', now(), 'suspended');
    await expectRefusedWithin(2_000, token);
  });

  it('by notice again once the listeners are back', async () => {
    const listeners = async () => {
      const result = await databases[0].query(
        `select 1 from pg_stat_activity where datname = current_database() and query ilike 'listen%'`,
      );
      return result.rowCount === 2;
    };
    await until(listeners);
    const token = await liveTokenOf('carol');
    await first.revokeSubject('carol', now(), 'deleted');
    await expectRefusedWithin(1_000, token);
  });

  it('an instance that has lost its database answers 503 once what it knows is five seconds old', async () => {
    const token = await liveTokenOf('dave');
    proxy.cut();
    expect((await door.ask(token)).status).toBe(200);
    skippedMs += 5_001;
    const stale = await door.ask(token, 'stale');
    expect(stale.status).toBe(503);
    expect(Number(stale.headers['retry-after'])).toBeGreaterThan(0);
    expect(door.app.runs('stale')).toBe(0);
    await first.revokeSubject('dave', now());
    const other = door.token({ sub: 'erin' });
    proxy.mend();
    await until(async () => (await door.ask(other)).status === 200, 10_000);
    await expectRefusedWithin(1_000, token);
  });
});
