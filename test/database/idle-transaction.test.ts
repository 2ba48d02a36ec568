import { setImmediate } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Database, Transaction } from '../../src/database/database.ts';
import { openEmbedded } from '../support/database.ts';

const never = new Promise<never>(() => undefined);

let database: Database;
beforeAll(async () => {
  const sql = 'CREATE TABLE elp.note (text text);';
  database = await openEmbedded([{ id: 'idle-001', sql }], { idleInTransactionMs: 500 });
});
afterAll(() => database.close());
beforeEach(async () => {
  await database.query('DELETE FROM elp.note');
});

const texts = async () =>
  (await database.query<{ text: string }>('SELECT text FROM elp.note')).rows.map(({ text }) => text);
const insert = (tx: Transaction, text: string) => tx.query('INSERT INTO elp.note VALUES ($1)', [text]);

describe('a transaction of the embedded database, with half a second to be idle', () => {
  it('that waits for ever is rolled back, says nothing more, and lets the others in', async () => {
    let kept: Transaction | undefined;
    const waiting = database.transaction(async (tx) => {
      kept = tx;
      await insert(tx, 'lost');
      await never;
    });
    const next = database.transaction((tx) => insert(tx, 'next'));
    await expect(waiting).rejects.toMatchObject({ status: 503, upstream: 'database' });
    await next;
    await expect((kept as Transaction).query('DELETE FROM elp.note')).rejects.toThrow('has ended');
    await expect((kept as Transaction).script('DELETE FROM elp.note')).rejects.toThrow('has ended');
    expect(await texts()).toEqual(['next']);
  });

  it('that waits for ever before it asks anything is ended as well', async () => {
    await expect(database.transaction(() => never)).rejects.toMatchObject({ status: 503 });
    expect(await texts()).toEqual([]);
  });

  it('takes the time that its statements need', async () => {
    await database.transaction(async (tx) => {
      await insert(tx, 'before');
      await tx.script('SELECT pg_sleep(0.7)');
      // A statement stops the event loop: due timers have their turn behind it.
      await setImmediate();
      await Promise.all([insert(tx, 'between'), tx.query('SELECT pg_sleep(0.7)')]);
      await setImmediate();
      await insert(tx, 'after');
    });
    expect(await texts()).toEqual(['before', 'between', 'after']);
  });

  it('keeps its own failure', async () => {
    await expect(database.transaction((tx) => tx.query('SELECT 1/0'))).rejects.toMatchObject({
      code: '22012',
    });
  });
});
