import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import type { Database } from '../../src/database/database.ts';
import { Conflict, InvalidInput, PermissionDenied, UpstreamUnavailable } from '../../src/errors.ts';
import { createQueue, type Queue } from '../../src/inbox/queue.ts';
import { onceOf } from '../../src/outbox/idempotency.ts';
import { createOutbox, type Outbox } from '../../src/outbox/outbox.ts';
import { outboxMigrations } from '../../src/outbox/outbox-migrations.ts';
import { openTestDatabase } from '../support/database.ts';
import { until } from '../support/until.ts';

const log = pino({ level: 'silent' });
const migrations = [
  ...outboxMigrations,
  {
    id: 'thing-001',
    sql: 'CREATE TABLE elp.thing (id bigserial PRIMARY KEY, name text UNIQUE, visible boolean NOT NULL DEFAULT false)',
  },
];

/** The other side: a set of grants, and how it behaves at present. */
function otherSide() {
  const grants = new Set<string>();
  let behave: () => Promise<void> = async () => undefined;
  return {
    grants,
    calls: 0,
    behaves(how: () => Promise<void>) {
      behave = how;
    },
    async grant(name: string) {
      this.calls++;
      await behave();
      grants.add(name);
    },
    async revoke(name: string) {
      grants.delete(name);
    },
  };
}

let nowMs = 0;
const clock = { now: () => nowMs };
let database: Database;
let queue: Queue;
let outbox: Outbox;
let other: ReturnType<typeof otherSide>;

beforeAll(async () => {
  database = await openTestDatabase(migrations);
  queue = createQueue({ database, log, clock });
  await queue.start();
});
afterAll(async () => {
  await queue.stop();
  await database.close();
});
beforeEach(async () => {
  nowMs = Date.now();
  await database.query('TRUNCATE elp.thing, elp.errand CASCADE');
  other = otherSide();
  outbox = newOutbox();
});
afterEach(() => outbox.stop());

/** Another instance on the same database; not started, so that `drain` alone is its worker. */
function newOutbox(): Outbox {
  const made = createOutbox({ database, queue, clock, log });
  made.register<{ name: string }>('thing', {
    do: ({ name }) => other.grant(name),
    undo: ({ name }) => other.revoke(name),
    async done({ name }, tx) {
      await tx.query('UPDATE elp.thing SET visible = true WHERE name = $1', [name]);
    },
    async undone({ name }, tx) {
      await tx.query('DELETE FROM elp.thing WHERE name = $1', [name]);
    },
  });
  // Two kinds that turn the same thing.
  const [give, take] = [
    ({ name }: { name: string }) => other.grant(name),
    async ({ name }: { name: string }) => {
      await other.grant(`not ${name}`);
      await other.revoke(`not ${name}`);
      await other.revoke(name);
    },
  ];
  made.register<{ name: string }>('given', { do: give, undo: take });
  made.register<{ name: string }>('taken', { do: take, undo: take });
  return made;
}

/** Gives or takes as the application does: a request that dies is finished, in the order of the requests. */
const turn = (kind: 'given' | 'taken', name: string, on = outbox, deadlineMs = 5_000) =>
  on.perform(kind, {
    ifInterrupted: 'finish',
    topic: name,
    deadlineMs,
    prepare: async () => ({ payload: { name }, answer: null }),
  });

const make = (
  name: string,
  options: { key?: string; on?: Outbox; deadlineMs?: number; body?: unknown } = {},
) =>
  (options.on ?? outbox).perform('thing', {
    once: onceOf(options.key, 'alice', options.body ?? { name }),
    ...(options.deadlineMs ? { deadlineMs: options.deadlineMs } : {}),
    async prepare(tx) {
      const { rows } = await tx.query<{ id: string }>(
        'INSERT INTO elp.thing (name) VALUES ($1) RETURNING id',
        [name],
      );
      return { payload: { name }, answer: { id: rows[0]?.id, name } };
    },
  });
const things = async () =>
  (
    await database.query<{ name: string; visible: boolean }>(
      'SELECT name, visible FROM elp.thing ORDER BY id',
    )
  ).rows;
const down = async () => {
  throw new UpstreamUnavailable('permit', 'down');
};

describe('a write on both sides', () => {
  it('waits for somebody who knows how: a process without its handlers leaves it alone', async () => {
    other.behaves(down);
    await expect(make('a', { key: 'k' })).rejects.toThrow(UpstreamUnavailable);
    other.behaves(async () => undefined);
    nowMs += 60_000;
    const stranger = createOutbox({ database, queue, clock, log });
    await stranger.start();
    await stranger.drain();
    await queue.drain('outbox');
    const { rows } = await database.query('SELECT state, attempts FROM elp.errand');
    expect(rows).toEqual([{ state: 'doing', attempts: 1 }]);
    await stranger.stop();
    await outbox.drain();
    expect(await things()).toEqual([{ name: 'a', visible: true }]);
  });

  it('is answered when both have it', async () => {
    const { answer, replayed } = await make('a');
    expect(answer).toEqual({ id: expect.any(String), name: 'a' });
    expect(replayed).toBe(false);
    expect(other.grants).toEqual(new Set(['a']));
    expect(await things()).toEqual([{ name: 'a', visible: true }]);
    expect(await outbox.stats()).toEqual({ open: 0, oldestSeconds: 0 });
  });

  it('stores nothing when our side fails', async () => {
    await make('a');
    await expect(make('a')).rejects.toMatchObject({ code: '23505' });
    expect(await outbox.stats()).toMatchObject({ open: 0 });
    expect(other.calls).toBe(1);
  });

  it('is 503 and invisible while the other side is down, and taken back afterwards', async () => {
    other.behaves(down);
    await expect(make('a')).rejects.toBeInstanceOf(UpstreamUnavailable);
    expect((await things()).every((thing) => !thing.visible)).toBe(true);
    await outbox.drain();
    expect(await things()).toEqual([]);
    expect(other.grants.size).toBe(0);
    other.behaves(async () => undefined);
    await make('a');
    expect(await things()).toEqual([{ name: 'a', visible: true }]);
  });

  it('passes a refusal on and takes its own half back', async () => {
    other.behaves(async () => {
      throw new PermissionDenied('not a member');
    });
    await expect(make('a')).rejects.toBeInstanceOf(PermissionDenied);
    await outbox.drain();
    expect(await things()).toEqual([]);
  });

  it('is 503 after the deadline, and what the other side does too late is taken back', async () => {
    let finish: () => void = () => undefined;
    other.behaves(
      () =>
        new Promise((resolve) => {
          finish = resolve;
        }),
    );
    await expect(make('a', { deadlineMs: 30 })).rejects.toBeInstanceOf(UpstreamUnavailable);
    finish();
    await outbox.drain();
    await outbox.drain();
    expect(other.grants.size).toBe(0);
    expect(await things()).toEqual([]);
  });

  it('takes back what comes so late that somebody else has undone it already', async () => {
    let finish: () => void = () => undefined;
    other.behaves(
      () =>
        new Promise((resolve) => {
          finish = resolve;
        }),
    );
    const slow = make('a', { deadlineMs: 60_000 });
    await until(() => other.calls === 1);
    nowMs += 31_000;
    await newOutbox().drain();
    expect(await things()).toEqual([]);
    finish();
    // Nothing was made: an answer that says so would be a lie.
    await expect(slow).rejects.toMatchObject({ status: 503 });
    expect(other.grants).toEqual(new Set(['a']));
    await outbox.drain();
    expect(other.grants.size).toBe(0);
    expect(await outbox.stats()).toMatchObject({ open: 0 });
  });

  it('takes back also the half of what fails so late', async () => {
    const ended = Promise.withResolvers<void>();
    other.behaves(() => ended.promise);
    const slow = make('a', { deadlineMs: 60_000 });
    await until(() => other.calls === 1);
    nowMs += 31_000;
    await newOutbox().drain();
    // It has done one of two steps, and fails at the other.
    other.grants.add('a');
    ended.reject(new UpstreamUnavailable('permit', 'down'));
    await expect(slow).rejects.toMatchObject({ status: 503 });
    await outbox.drain();
    expect(other.grants.size).toBe(0);
    expect(await outbox.stats()).toMatchObject({ open: 0 });
  });

  it('is answered as done when somebody else has finished it meanwhile', async () => {
    const ended = Promise.withResolvers<void>();
    other.behaves(() => ended.promise);
    const slow = make('a', { key: 'k', deadlineMs: 60_000 });
    await until(() => other.calls === 1);
    other.behaves(async () => undefined);
    nowMs += 31_000;
    await newOutbox().drain();
    ended.reject(new UpstreamUnavailable('permit', 'down'));
    expect(await slow).toMatchObject({ answer: { name: 'a' } });
    expect(await things()).toEqual([{ name: 'a', visible: true }]);
    expect(await outbox.stats()).toMatchObject({ open: 0 });
  });
});

describe('a crash in between', () => {
  /** As a process that dies: whatever it was doing never comes to an end. */
  async function dieWhile(key?: string): Promise<void> {
    other.behaves(() => new Promise(() => undefined));
    const dead = newOutbox();
    const request = make('a', { on: dead, ...(key ? { key } : {}), deadlineMs: 60_000 });
    request.catch(() => undefined);
    await until(() => other.calls === 1);
    other.behaves(async () => undefined);
  }

  it('leaves neither an ownerless thing nor a stray grant: without a key it is removed', async () => {
    await dieWhile();
    await outbox.drain();
    expect(await things()).toEqual([{ name: 'a', visible: false }]);
    nowMs += 31_000;
    await outbox.drain();
    expect(await things()).toEqual([]);
    expect(other.grants.size).toBe(0);
  });

  it('with a key it is finished', async () => {
    await dieWhile('key-1');
    nowMs += 31_000;
    await outbox.drain();
    expect(await things()).toEqual([{ name: 'a', visible: true }]);
    expect(other.grants).toEqual(new Set(['a']));
    expect((await make('a', { key: 'key-1' })).replayed).toBe(true);
  });
});

describe('errands of one topic', () => {
  const up = async () => undefined;
  /** Hangs until it is let go. */
  function hanging() {
    let letGo: () => void = () => undefined;
    other.behaves(
      () =>
        new Promise((resolve) => {
          letGo = resolve;
        }),
    );
    return () => letGo();
  }
  async function begun(count: number): Promise<void> {
    await until(() => other.calls === count);
  }

  it('end as the last request said: what an outage left open comes to nothing', async () => {
    other.behaves(down);
    await expect(turn('given', 'a')).rejects.toBeInstanceOf(UpstreamUnavailable);
    await expect(turn('given', 'b')).rejects.toBeInstanceOf(UpstreamUnavailable);
    other.behaves(up);
    await turn('taken', 'a');
    expect(await outbox.stats()).toMatchObject({ open: 1 });
    nowMs += 600_000;
    await outbox.drain();
    // Its twin, which nobody took back, is finished.
    expect(other.grants).toEqual(new Set(['b']));
  });

  it('wait for each other, and store nothing while they do', async () => {
    const letGo = hanging();
    const first = turn('given', 'a');
    await begun(1);
    await expect(turn('taken', 'a', outbox, 30)).rejects.toBeInstanceOf(UpstreamUnavailable);
    expect(await outbox.stats()).toMatchObject({ open: 1 });
    other.behaves(up);
    const second = turn('taken', 'a');
    letGo();
    await Promise.all([first, second]);
    expect(other.grants.size).toBe(0);
  });

  it('are brought about once more when an earlier one ends after its lease', async () => {
    const letGo = hanging();
    const slow = turn('given', 'a');
    await begun(1);
    other.behaves(up);
    nowMs += 31_000;
    await turn('taken', 'a', newOutbox());
    letGo();
    await expect(slow).rejects.toMatchObject({ status: 503 });
    expect(other.grants).toEqual(new Set(['a']));
    nowMs += 1;
    await outbox.drain();
    expect(other.grants.size).toBe(0);
  });
});

describe('an earlier errand of a topic that ends after its lease', () => {
  it('does not win over one that has had its effect and was not settled yet', async () => {
    const first = Promise.withResolvers<void>();
    other.behaves(() => first.promise);
    const given = turn('given', 'a');
    await until(() => other.calls === 1);
    nowMs += 31_000;
    // The later one has taken it away; only its answer is still to come.
    const answered = Promise.withResolvers<void>();
    other.behaves(async () => undefined);
    const later = newOutbox();
    const revoke = other.revoke.bind(other);
    other.revoke = async (name) => {
      await revoke(name);
      if (name === 'a') await answered.promise;
    };
    const taken = turn('taken', 'a', later);
    await until(() => other.calls === 2);
    first.resolve();
    await expect(given).rejects.toMatchObject({ status: 503 });
    expect(other.grants.has('a')).toBe(true);
    answered.resolve();
    await expect(taken).rejects.toMatchObject({ status: 503 });
    nowMs += 1;
    await outbox.drain();
    expect(other.grants.has('a')).toBe(false);
    expect(await outbox.stats()).toMatchObject({ open: 0 });
  });

  it('does not take away by its late undo what a later one gave', async () => {
    const undoing = Promise.withResolvers<void>();
    const revoke = other.revoke.bind(other);
    let undone = 0;
    other.revoke = async (name) => {
      if (name === 'a' && ++undone === 1) await undoing.promise;
      await revoke(name);
    };
    other.behaves(async () => Promise.reject(new PermissionDenied('not a member')));
    await expect(turn('given', 'a')).rejects.toBeInstanceOf(PermissionDenied);
    other.behaves(async () => undefined);
    const draining = outbox.drain();
    await until(() => undone === 1);
    nowMs += 31_000;
    await turn('given', 'a', newOutbox());
    expect(other.grants).toContain('a');
    undoing.resolve();
    await draining;
    nowMs += 1;
    await outbox.drain();
    expect(other.grants).toContain('a');
    expect(await outbox.stats()).toMatchObject({ open: 0 });
  });
});

describe('Idempotency-Key', () => {
  it('gives a repeated request the first answer and does nothing twice', async () => {
    const first = await make('a', { key: 'k' });
    const again = await make('a', { key: 'k', body: { name: 'a' } });
    expect(again).toEqual({ answer: first.answer, replayed: true });
    expect(other.calls).toBe(1);
    expect(await things()).toHaveLength(1);
  });

  it('is one among twenty at once', async () => {
    const results = await Promise.all(Array.from({ length: 20 }, () => make('a', { key: 'k' })));
    expect(results.filter((result) => !result.replayed)).toHaveLength(1);
    expect(new Set(results.map((result) => JSON.stringify(result.answer))).size).toBe(1);
    expect(await things()).toHaveLength(1);
  });

  it('refuses another request under the same key', async () => {
    await make('a', { key: 'k' });
    await expect(make('b', { key: 'k' })).rejects.toBeInstanceOf(Conflict);
    expect(await things()).toHaveLength(1);
    await make('b', { key: 'other' });
  });

  it('finishes on the repeat what the first request could not', async () => {
    other.behaves(down);
    await expect(make('a', { key: 'k' })).rejects.toBeInstanceOf(UpstreamUnavailable);
    expect((await things())[0]).toMatchObject({ visible: false });
    other.behaves(async () => undefined);
    expect(await make('a', { key: 'k' })).toMatchObject({ replayed: true, answer: { name: 'a' } });
    expect(await things()).toEqual([{ name: 'a', visible: true }]);
  });

  it.each([
    ['', 'empty'],
    ['a b', 'a blank'],
    ['x'.repeat(129), 'too long'],
  ])('refuses %j (%s)', (key) => {
    expect(() => onceOf(key, 'alice', {})).toThrow(InvalidInput);
  });

  it('is 503 after the deadline on the repeat, too', async () => {
    other.behaves(down);
    await expect(make('a', { key: 'k' })).rejects.toMatchObject({ status: 503 });
    const ended = Promise.withResolvers<void>();
    other.behaves(() => ended.promise);
    await expect(make('a', { key: 'k', deadlineMs: 30 })).rejects.toMatchObject({ status: 503 });
    // Whoever asks again finds what the other side did after that.
    ended.resolve();
    expect(await make('a', { key: 'k' })).toMatchObject({ replayed: true, answer: { name: 'a' } });
    expect(await things()).toEqual([{ name: 'a', visible: true }]);
  });

  it('does not mind the order of members', async () => {
    await make('a', { key: 'k', body: { x: 1, y: [{ a: 1, b: 2 }] } });
    expect((await make('a', { key: 'k', body: { y: [{ b: 2, a: 1 }], x: 1 } })).replayed).toBe(true);
  });
});

describe('the worker', () => {
  it('takes a job up by itself once the queue brings it', async () => {
    await outbox.start();
    other.behaves(down);
    await expect(make('a')).rejects.toBeInstanceOf(UpstreamUnavailable);
    const giveUpAt = performance.now() + 5_000;
    while ((await things()).length > 0 && performance.now() < giveUpAt)
      await new Promise((r) => setTimeout(r, 5));
    expect(await things()).toEqual([]);
  });
});
