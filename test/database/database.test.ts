import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Database } from '../../src/database/database.ts';
import { migrate } from '../../src/database/migrate.ts';
import { UpstreamUnavailable } from '../../src/errors.ts';
import { openTestDatabase } from '../support/database.ts';
import { until } from '../support/until.ts';

const migrations = [
  {
    id: 'note-001',
    sql: 'CREATE TABLE elp.note (id bigserial PRIMARY KEY, text text UNIQUE, data jsonb, bytes bytea, at timestamptz);',
  },
];

let database: Database;
beforeAll(async () => {
  database = await openTestDatabase(migrations);
});
afterAll(() => database.close());

const texts = async () =>
  (await database.query<{ text: string }>('SELECT text FROM elp.note ORDER BY id')).rows.map((r) => r.text);

describe('query', () => {
  it('answers the same types on both databases', async () => {
    const at = new Date('2026-01-02T03:04:05.678Z');
    const { rows, rowCount } = await database.query(
      'INSERT INTO elp.note (text, data, bytes, at) VALUES ($1, $2, $3, $4) RETURNING *',
      ['types', JSON.stringify({ list: [1, null] }), Buffer.from([0, 255]), at],
    );
    expect(rowCount).toBe(1);
    expect(rows[0]).toEqual({
      id: expect.any(String),
      text: 'types',
      data: { list: [1, null] },
      bytes: Buffer.from([0, 255]),
      at,
    });
    expect(
      (await database.query('SELECT count(*) AS n, true AS yes, $1::text[] AS list', [['a', 'b']])).rows[0],
    ).toEqual({
      n: '1',
      yes: true,
      list: ['a', 'b'],
    });
    expect((await database.query('DELETE FROM elp.note')).rowCount).toBe(1);
  });

  it.each(['BEGIN', ' begin;', '-- x\nSTART TRANSACTION', '/* x */ COMMIT', 'rollback', 'savepoint a'])(
    'refuses %j',
    async (sql) => {
      await expect(database.query(sql)).rejects.toThrow('transaction(work)');
      await expect(database.transaction((tx) => tx.query(sql))).rejects.toThrow('transaction(work)');
    },
  );

  it('keeps the SQLSTATE of what is wrong with a statement', async () => {
    await database.query("INSERT INTO elp.note (text) VALUES ('once')");
    await expect(database.query("INSERT INTO elp.note (text) VALUES ('once')")).rejects.toMatchObject({
      code: '23505',
    });
    await database.query('DELETE FROM elp.note');
  });
});

describe('transaction', () => {
  it('commits what resolves and rolls back what rejects', async () => {
    expect(
      await database.transaction(async (tx) => {
        await tx.query("INSERT INTO elp.note (text) VALUES ('kept')");
        return 'result';
      }),
    ).toBe('result');
    await expect(
      database.transaction(async (tx) => {
        await tx.query("INSERT INTO elp.note (text) VALUES ('dropped')");
        throw new Error('no');
      }),
    ).rejects.toThrow('no');
    expect(await texts()).toEqual(['kept']);
  });

  it('tells when a swallowed failure has undone everything', async () => {
    await expect(
      database.transaction(async (tx) => {
        await tx.query("INSERT INTO elp.note (text) VALUES ('lost')");
        await tx.query('SELECT 1/0').catch(() => undefined);
      }),
    ).rejects.toThrow('nothing was stored');
    expect(await texts()).toEqual(['kept']);
  });

  it('is over when it is over', async () => {
    const leaked = await database.transaction(async (tx) => tx);
    await expect(leaked.query('SELECT 1')).rejects.toThrow('has ended');
  });

  it('runs fifty at once without mixing them', async () => {
    await database.query('DELETE FROM elp.note');
    await Promise.allSettled(
      Array.from({ length: 50 }, (_, i) =>
        database.transaction(async (tx) => {
          await tx.query('INSERT INTO elp.note (text) VALUES ($1)', [`a${i}`]);
          await tx.query('INSERT INTO elp.note (text) VALUES ($1)', [`b${i}`]);
          if (i % 2) throw new Error('no');
        }),
      ),
    );
    expect(await texts()).toHaveLength(50);
    expect((await texts()).every((text) => Number(text.slice(1)) % 2 === 0)).toBe(true);
  });
});

describe('script', () => {
  it('runs several statements with their own BEGIN and COMMIT', async () => {
    const { rows } = await database.script('BEGIN; SELECT 1 AS one; COMMIT; SELECT 2 AS two');
    expect(rows).toEqual([{ one: 1 }, { two: 2 }]);
  });

  it('leaves no open transaction behind when it fails', async () => {
    await expect(database.script('BEGIN; SELECT 1/0; COMMIT')).rejects.toMatchObject({ code: '22012' });
    await database.query("INSERT INTO elp.note (text) VALUES ('after')");
    expect(await texts()).toContain('after');
  });
});

describe('listen', () => {
  it('hears notices until it is stopped', async () => {
    const heard: string[] = [];
    const states: boolean[] = [];
    const stop = await database.listen(
      'test_channel',
      (p) => heard.push(p),
      (s) => states.push(s),
    );
    await database.transaction((tx) => tx.query("SELECT pg_notify('test_channel', 'one')"));
    await until(() => heard.length > 0);
    await stop();
    await database.query("SELECT pg_notify('test_channel', 'two')");
    await database.query('SELECT 1');
    expect(heard).toEqual(['one']);
    expect(states).toEqual([true]);
  });
});

describe('migrate', () => {
  it('runs each migration once, also from several callers at once', async () => {
    const more = [
      ...migrations,
      { id: 'note-002', sql: 'CREATE TABLE elp.more (a int); INSERT INTO elp.more VALUES (1);' },
    ];
    const applied = await Promise.all([migrate(database, more), migrate(database, more)]);
    expect(applied.flat()).toEqual(['note-002']);
    expect((await database.query('SELECT a FROM elp.more')).rows).toEqual([{ a: 1 }]);
  });

  it('is all or nothing', async () => {
    await expect(
      migrate(database, [
        { id: 'bad-001', sql: 'CREATE TABLE elp.bad (a int)' },
        { id: 'bad-002', sql: 'CREATE TABL' },
      ]),
    ).rejects.toMatchObject({ code: '42601' });
    expect((await database.query("SELECT to_regclass('elp.bad') AS t")).rows).toEqual([{ t: null }]);
  });

  it('refuses two migrations of one name', async () => {
    await expect(migrate(database, [...migrations, ...migrations])).rejects.toThrow('note-001');
  });
});

describe('a closed database', () => {
  it('is unavailable, and closing twice is closing once', async () => {
    const other = await openTestDatabase(migrations);
    await other.close();
    await other.close();
    await expect(other.query('SELECT 1')).rejects.toBeInstanceOf(UpstreamUnavailable);
  });
});
