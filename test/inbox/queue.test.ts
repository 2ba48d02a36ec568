import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { systemClock } from '../../src/clock.ts';
import type { Database } from '../../src/database/database.ts';
import { createQueue, type Queue } from '../../src/inbox/queue.ts';
import { openTestDatabase } from '../support/database.ts';

const log = pino({ level: 'silent' });
let database: Database;
let queue: Queue;

beforeAll(async () => {
  database = await openTestDatabase([]);
  queue = createQueue({ database, log, clock: systemClock });
  await queue.start();
});
afterAll(async () => {
  await queue.stop();
  await database.close();
});

describe('the queue', () => {
  it('works what a committed transaction sent, and nothing of one that was rolled back', async () => {
    await queue.ensure('letters');
    const seen: number[] = [];
    await queue.work<{ n: number }>('letters', async ({ data }) => {
      seen.push(data.n);
    });
    await database.transaction(async (tx) => {
      await queue.send('letters', { n: 1 }, { tx });
      await queue.sendAll('letters', [{ data: { n: 2 } }, { data: { n: 3 } }], { tx });
    });
    await expect(
      database.transaction(async (tx) => {
        await queue.send('letters', { n: 4 }, { tx });
        throw new Error('no');
      }),
    ).rejects.toThrow('no');
    await queue.drain('letters');
    expect(seen.sort()).toEqual([1, 2, 3]);
  });

  it('starts a job soon after it is sent', async () => {
    await queue.ensure('soon');
    const took: number[] = [];
    let sentAt = 0;
    await queue.work('soon', async () => {
      took.push(performance.now() - sentAt);
    });
    await queue.drain('soon');
    for (let n = 0; n < 20; n++) {
      sentAt = performance.now();
      await queue.send('soon', { n });
      const giveUpAt = performance.now() + 5_000;
      while (took.length <= n && performance.now() < giveUpAt) await delay(1);
      await delay(15);
    }
    expect(took).toHaveLength(20);
    took.sort((a, b) => a - b);
    // A poll comes every half second at best; the least tells what a machine that is not busy needs.
    expect(took[0]).toBeLessThan(50);
    expect(took[10]).toBeLessThan(400);
  });

  it('keeps one waiting job a key under the policy short', async () => {
    await queue.ensure('short', { policy: 'short' });
    expect(await queue.send('short', {}, { singletonKey: 'a' })).toEqual(expect.any(String));
    expect(await queue.send('short', {}, { singletonKey: 'a' })).toBeNull();
    expect(await queue.send('short', {}, { singletonKey: 'b' })).toEqual(expect.any(String));
  });

  it('tries again what rejects, and says which try it is', async () => {
    await queue.ensure('flaky', { retryLimit: 2 });
    const attempts: number[] = [];
    await queue.work('flaky', async ({ attempt }) => {
      attempts.push(attempt);
      if (attempt < 3) throw new Error('not yet');
    });
    await queue.send('flaky', {});
    await queue.drain('flaky');
    expect(attempts).toEqual([1, 2, 3]);
  });

  it('runs as many at once as it is told', async () => {
    await queue.ensure('wide');
    let running = 0;
    let most = 0;
    await queue.work(
      'wide',
      async () => {
        most = Math.max(most, ++running);
        await delay(20);
        running--;
      },
      { concurrency: 3 },
    );
    await queue.sendAll(
      'wide',
      Array.from({ length: 12 }, () => ({ data: {} })),
    );
    await queue.drain('wide');
    expect(most).toBe(3);
  });

  it('runs a deferred job when its time has come', async () => {
    await queue.ensure('later');
    const began = performance.now();
    let ran: number | undefined;
    await queue.work('later', async () => {
      ran = performance.now() - began;
    });
    await queue.send('later', {}, { startAfterSeconds: 1 });
    await queue.drain('later');
    expect(ran).toBeUndefined();
    const giveUpAt = performance.now() + 5_000;
    while (ran === undefined && performance.now() < giveUpAt) await delay(10);
    expect(ran).toBeGreaterThanOrEqual(990);
    expect(ran).toBeLessThan(2_500);
  });
});
