import { setImmediate as nextRound } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { inBackground } from '../../src/database/background.ts';
import { createTurns } from '../../src/database/turns.ts';

/** Everything asks while the first one runs; resolves to the order in which they had their turns. */
async function orderOf(asks: readonly ('request' | 'background')[]): Promise<string[]> {
  const inTurn = createTurns({ waitMs: 10_000 });
  const order: string[] = [];
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  const first = inTurn(() => ended);
  const others = asks.map((kind, i) => {
    const ask = () =>
      inTurn(async () => {
        order.push(`${kind} ${i}`);
      });
    return kind === 'background' ? inBackground(ask) : ask();
  });
  end();
  await Promise.all([first, ...others]);
  return order;
}

test('those of one kind have their turns in the order in which they asked', async () => {
  expect(await orderOf(['request', 'request', 'request'])).toEqual(['request 0', 'request 1', 'request 2']);
  expect(await orderOf(['background', 'background'])).toEqual(['background 0', 'background 1']);
});

test('a request goes ahead of background work that asked before it', async () => {
  expect(await orderOf(['background', 'background', 'request'])).toEqual([
    'request 2',
    'background 0',
    'background 1',
  ]);
});

test('background work is overtaken three times in a row and no more', async () => {
  const asks = ['background', ...Array.from({ length: 8 }, () => 'request' as const), 'background'] as const;
  expect(
    (await orderOf(asks)).map((turn, i) => [i, turn]).filter(([, turn]) => String(turn).startsWith('b')),
  ).toEqual([
    [3, 'background 0'],
    [7, 'background 9'],
  ]);
});

test('what background work asks later on is background as well', async () => {
  const inTurn = createTurns({ waitMs: 10_000 });
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  const order: string[] = [];
  const first = inTurn(() => ended);
  const late = inBackground(async () => {
    await Promise.resolve();
    await inTurn(async () => void order.push('background'));
  });
  await Promise.resolve();
  const request = inTurn(async () => void order.push('request'));
  end();
  await Promise.all([first, late, request]);
  expect(order).toEqual(['request', 'background']);
});

test('between two turns of background work the event loop gets a round, so that what has arrived is read', async () => {
  const inTurn = createTurns({ waitMs: 10_000 });
  const order: string[] = [];
  const work = inBackground(() =>
    Promise.all([1, 2, 3].map((n) => inTurn(async () => void order.push(`background ${n}`)))),
  );
  const arrivals = (async () => {
    for (let n = 1; n <= 3; n += 1) {
      await nextRound();
      order.push(`arrived ${n}`);
    }
  })();
  await Promise.all([work, arrivals]);
  expect(order.indexOf('arrived 1')).toBeLessThan(order.indexOf('background 2'));
  expect(order.indexOf('arrived 2')).toBeLessThan(order.indexOf('background 3'));
});
