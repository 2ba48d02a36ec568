import { describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { migrate } from '../../src/database/migrate.ts';
import { openDatabase } from '../../src/database/open-database.ts';
import { inboxMigrations } from '../../src/inbox/inbox-migrations.ts';
import { createPostgresDatabase, postgresUrl } from '../support/database.ts';
import { startDatabaseProxy } from '../support/database-proxy.ts';
import { openInbox } from '../support/inbox-desk.ts';
import { until } from '../support/until.ts';

const onPostgres = postgresUrl ? describe : describe.skip;
if (!postgresUrl) console.warn('SKIPPED: the database going away; TEST_DATABASE_URL is not set.');
const log = pino({ level: 'silent' });

describe('the disk is full', () => {
  it('c-75 503 and nothing stored, what is worked stays open; all of it goes on when there is room', async () => {
    const world = await openInbox();
    // What the server says when a file of the table cannot grow.
    await world.database.query(`
      CREATE FUNCTION elp.no_room() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$`);
    const fill = async (table: string, on: string) => {
      await world.database.query(
        `CREATE TRIGGER full_disk BEFORE ${on} ON elp.${table} FOR EACH ROW EXECUTE FUNCTION elp.no_room()`,
      );
    };
    const free = (table: string) => world.database.query(`DROP TRIGGER full_disk ON elp.${table}`);
    try {
      await fill('letter', 'INSERT');
      for (let n = 0; n < 5; n++) {
        await expect(world.post(`user:lost${n}`)).rejects.toMatchObject({ status: 503 });
      }
      expect(await world.inbox.list()).toEqual([]);
      await free('letter');

      await fill('letter_subject', 'UPDATE');
      expect(await world.post('user:kept')).toBe('stored');
      await until(() => world.worked.length === 1);
      expect(await world.inbox.stats()).toMatchObject({ backlog: 1, dead: 0 });
      await free('letter_subject');
      const began = performance.now();
      await until(async () => (await world.inbox.stats()).backlog === 0, 10_000);
      expect(performance.now() - began).toBeLessThan(10_000);
      expect(world.worked).toHaveLength(1);
      expect((await world.inbox.list())[0]).toMatchObject({ status: 'done', attempts: 1 });
    } finally {
      await world.close();
    }
  });
});

onPostgres('the database goes away', () => {
  async function behindProxy(
    work: (
      world: Awaited<ReturnType<typeof openInbox>>,
      proxy: Awaited<ReturnType<typeof startDatabaseProxy>>,
    ) => Promise<void>,
  ): Promise<void> {
    const place = await createPostgresDatabase(postgresUrl as string);
    const proxy = await startDatabaseProxy(place.url);
    const database = await openDatabase({ url: proxy.url, log });
    await migrate(database, inboxMigrations);
    const world = await openInbox({ database });
    try {
      await work(world, proxy);
    } finally {
      proxy.mend();
      await world.close();
      await database.close();
      await proxy.close();
      await place.drop();
    }
  }

  it(
    'c-73 at receipt: 503, no false 200, and everything goes on by itself within 10 s',
    () =>
      behindProxy(async (world, proxy) => {
        expect(await world.post('user:before')).toBe('stored');
        await world.inbox.drain();
        proxy.cut();
        for (let n = 0; n < 5; n++) {
          await expect(world.post(`user:lost${n}`)).rejects.toMatchObject({ status: 503 });
        }
        proxy.mend();
        const began = performance.now();
        await until(async () => (await world.post('user:after').catch(() => 'no')) !== 'no', 10_000);
        await until(() => world.worked.some((work) => work.subject === 'user:after'), 10_000);
        expect(performance.now() - began).toBeLessThan(10_000);
        const kept = (await world.inbox.list()).map((letter) => letter.subjects[0]);
        expect(kept.sort()).toEqual(['user:after', 'user:before']);
      }),
    60_000,
  );

  it(
    'c-74 during the work: what was done is settled once it is back, and not done again',
    () =>
      behindProxy(async (world, proxy) => {
        let cut = false;
        world.behave = async () => {
          proxy.cut();
          cut = true;
        };
        expect(await world.post('user:working')).toBe('stored');
        await until(() => cut);
        const isAway = () =>
          world.inbox.stats().then(
            () => false,
            () => true,
          );
        await until(isAway);
        proxy.mend();
        const began = performance.now();
        await until(async () => (await world.inbox.stats().catch(() => undefined))?.backlog === 0, 10_000);
        expect(performance.now() - began).toBeLessThan(10_000);
        expect(world.worked).toHaveLength(1);
        expect((await world.inbox.list())[0]).toMatchObject({ status: 'done' });
      }),
    60_000,
  );

  it('listeners are told that they were deaf, and hear again', async () => {
    const place = await createPostgresDatabase(postgresUrl as string);
    const proxy = await startDatabaseProxy(place.url);
    const database = await openDatabase({ url: proxy.url, log });
    const heard: string[] = [];
    const states: boolean[] = [];
    const stop = await database.listen(
      'news',
      (p) => heard.push(p),
      (s) => states.push(s),
    );
    proxy.cut();
    await until(() => states.includes(false));
    proxy.mend();
    await until(() => states.length === 3, 10_000);
    await until(
      async () => Boolean(await database.query("SELECT pg_notify('news', 'again')").catch(() => false)),
      5_000,
    );
    await until(() => heard.includes('again'));
    expect(states).toEqual([true, false, true]);
    await stop();
    await database.close();
    await proxy.close();
    await place.drop();
  });
});
