import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { pino } from 'pino';
import { createBatchingChecker } from '../../src/permission/batching-checker.ts';
import type { DecisionTrace } from '../../src/permission/checker.ts';
import { createBreaker } from '../../src/permission/circuit-breaker.ts';
import { type Checker, createChecker } from '../../src/permit/create-checker.ts';
import { createDecisionEngine } from '../../src/permit/decisions.ts';
import { type ScriptedPdp, startScriptedPdp } from '../support/permission-pdp.ts';
import { startStopwatch } from '../support/stopwatch.ts';

const log = pino({ level: 'silent' });
const question = (user: string, action = 'view') => ({
  user: { key: user },
  action,
  resource: { type: 'reports', tenant: 'default' },
});
const pathsOf = (pdp: ScriptedPdp) => pdp.calls.map(({ path }) => path);
const sizesOf = (pdp: ScriptedPdp) => pdp.calls.map(({ body }) => (Array.isArray(body) ? body.length : 1));

let pdp: ScriptedPdp;
let checker: Checker;
beforeAll(async () => {
  pdp = await startScriptedPdp();
});
afterAll(() => pdp.close());
afterEach(() => checker.stop());
beforeEach(() => {
  checker = createChecker({ pdpUrl: pdp.url, apiKey: 'key', log });
  pdp.calls.length = 0;
  pdp.fault = undefined;
  pdp.decide = ({ user }) => user.key.endsWith('1');
});

describe('micro-batches', () => {
  it('asks alone what comes alone', async () => {
    expect(await checker.isAllowed(question('u1'))).toBe(true);
    expect(await checker.isAllowed(question('u2'))).toBe(false);
    expect(pathsOf(pdp)).toEqual(['/allowed', '/allowed']);
  });

  it('asks together what comes in one turn of the event loop, equal questions once', async () => {
    const traces: DecisionTrace[] = [{}, {}, {}, {}];
    const answers = await Promise.all(
      ['u1', 'u2', 'u1', 'u11'].map((user, index) =>
        checker.isAllowed(question(user), { trace: traces[index] as DecisionTrace }),
      ),
    );
    expect(answers).toEqual([true, false, true, true]);
    expect(pathsOf(pdp)).toEqual(['/allowed/bulk']);
    expect(sizesOf(pdp)).toEqual([3]);
    expect(traces).toEqual([{ batched: 3 }, { batched: 3 }, { batched: 3 }, { batched: 3 }]);
  });

  it('never joins a question that is already on its way: its answer may be from before a change', async () => {
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    pdp.decide = () => false;
    pdp.fault = async () => {
      if (pdp.calls.length === 1) await held;
      return false;
    };
    const before = checker.isAllowed(question('u1'));
    while (pdp.calls.length === 0) await new Promise(setImmediate);
    const after = checker.isAllowed(question('u1'));
    while (pdp.calls.length === 1) await new Promise(setImmediate);
    release();
    expect([await before, await after]).toEqual([false, false]);
    expect(pdp.calls).toHaveLength(2);
  });

  it('sends at most 100 in a call, and several calls at once', async () => {
    const answers = await Promise.all(
      Array.from({ length: 250 }, (_, n) => checker.isAllowed(question(`u${n}`))),
    );
    expect(answers.filter(Boolean)).toHaveLength(25);
    expect(sizesOf(pdp).sort((a, b) => b - a)).toEqual([100, 100, 50]);
  });

  it('lets questions wait while four calls are under way, and then sends them together', async () => {
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    pdp.fault = async () => {
      await held;
      return false;
    };
    const answers: Promise<boolean>[] = [];
    for (let call = 1; call <= 4; call += 1) {
      answers.push(checker.isAllowed(question(`u${call}`)));
      while (pdp.calls.length < call) await new Promise(setImmediate);
    }
    for (let more = 5; more <= 14; more += 1) {
      answers.push(checker.isAllowed(question(`u${more}`)));
      await new Promise(setImmediate);
    }
    expect(pdp.calls).toHaveLength(4);
    release();
    expect(await Promise.all(answers)).toHaveLength(14);
    expect(sizesOf(pdp)).toEqual([1, 1, 1, 1, 10]);
  });

  it('answers every question by itself, however questions and turns fall', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 30 }), fc.integer({ min: 0, max: 3 })), {
          maxLength: 150,
        }),
        async (asked) => {
          const answers: Promise<[number, boolean]>[] = [];
          for (const [user, pause] of asked) {
            answers.push(checker.isAllowed(question(`u${user}`)).then((allowed) => [user, allowed]));
            if (pause === 0) await new Promise(setImmediate);
          }
          for (const [user, allowed] of await Promise.all(answers)) {
            expect(allowed).toBe(String(user).endsWith('1'));
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it('gives a hung PDP one deadline, also to those who had to wait for their turn', async () => {
    pdp.fault = () => true;
    const waitedMs = startStopwatch();
    const outcomes = await Promise.allSettled(
      Array.from({ length: 450 }, (_, n) => checker.isAllowed(question(`u${n}`))),
    );
    expect(outcomes.every(({ status }) => status === 'rejected')).toBe(true);
    expect(waitedMs()).toBeLessThan(1100);
  });
});

describe('a question whose time has run out before its turn', () => {
  it.each([
    ['alone', 1],
    ['among others', 3],
  ])('%s is refused without an attempt, and is no outage of the PDP', async (_name, count) => {
    const engine = createDecisionEngine({ pdpUrl: pdp.url, apiKey: 'key', timeoutMs: 500 });
    const counts = (failure: unknown) => ['outage', 'answer'].includes(engine.kindOf(failure));
    const breaker = createBreaker({ counts, failures: 1 });
    const hurried = createBatchingChecker({ engine, breaker, deadlineMs: 20 });
    const asked = Array.from({ length: count }, (_, n) => hurried.isAllowed(question(`u${n}`)));
    const waitedMs = startStopwatch();
    // As when the process is so busy that the queue does not move.
    while (waitedMs() <= 20);
    for (const outcome of await Promise.allSettled(asked)) {
      expect(outcome).toMatchObject({
        status: 'rejected',
        reason: { status: 503, logCode: 'permit_queue_timeout' },
      });
    }
    expect(pdp.calls).toEqual([]);
    expect(breaker.state()).toBe('closed');

    const patient = createBatchingChecker({ engine, breaker });
    const answers = Array.from({ length: count }, () => patient.isAllowed(question('u1')));
    expect(await Promise.all(answers)).toEqual(Array(count).fill(true));
    await engine.close();
  });
});

it('a batch that has used its time up is not tried again', async () => {
  const engine = createDecisionEngine({ pdpUrl: pdp.url, apiKey: 'key', timeoutMs: 500 });
  const breaker = createBreaker({ counts: () => false });
  const hurried = createBatchingChecker({ engine, breaker, deadlineMs: 50 });
  pdp.fault = () => true;
  const asked = ['u1', 'u2'].map((user) => hurried.isAllowed(question(user)));
  expect((await Promise.allSettled(asked)).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(pdp.calls).toHaveLength(1);
  await engine.close();
});

describe('the permission map', () => {
  it('is tried once more after an outage, not after a refusal, and within the deadline', async () => {
    const own = createChecker({ pdpUrl: pdp.url, apiKey: 'key', log, timeoutMs: 100 });
    let calls = 0;
    const fail = (status: number, times: number) => {
      calls = 0;
      pdp.fault = (_path, res) => {
        calls += 1;
        if (calls > times) return false;
        res.statusCode = status;
        res.end('{}');
        return true;
      };
    };
    const ask = () => own.permissionsOf({ user: 'alice', tenant: 'default' });
    fail(500, 1);
    await expect(ask()).resolves.toEqual({});
    fail(500, 9);
    await expect(ask()).rejects.toMatchObject({ status: 503 });
    expect(calls).toBe(2);
    fail(403, 1);
    await expect(ask()).rejects.toMatchObject({ logCode: 'permit_key_refused' });
    expect(calls).toBe(1);
    fail(422, 1);
    await expect(ask()).rejects.toMatchObject({ logCode: 'permit_question_refused' });
    expect(calls).toBe(1);
    await own.stop();
  });

  it.each([
    ['no object', []],
    ['an entry that is none', { a: 1 }],
    ['permissions that are no list', { a: { permissions: 'reports:view' } }],
    ['permissions that are no text', { a: { permissions: [1] } }],
    ['roles that are no list', { a: { permissions: [], roles: {} } }],
    ['a tenant without a key', { a: { permissions: [], tenant: {} } }],
    ['a resource without a type', { a: { permissions: [], resource: { key: 'x' } } }],
  ])('is refused for %s', async (_name, map) => {
    pdp.permissions = map as Record<string, unknown>;
    await expect(checker.permissionsOf({ user: 'alice', tenant: 'default' })).rejects.toMatchObject({
      logCode: 'permit_answer_malformed',
    });
    pdp.permissions = { a: { permissions: ['reports:view'], tenant: null } };
    await expect(checker.permissionsOf({ user: 'alice', tenant: 'default' })).resolves.toEqual({
      a: { permissions: ['reports:view'], roles: [] },
    });
  });

  it('is read up to 16 MB, and above that refused, never cut', async () => {
    // A size is what is asked about here: one attempt, with all the time that a busy machine needs for 17 MB.
    const engine = createDecisionEngine({ pdpUrl: pdp.url, apiKey: 'key', timeoutMs: 20_000 });
    const ask = () => engine.permissionsOf({ user: 'alice', tenant: 'default' }, performance.now() + 20_000);
    const map = (count: number) =>
      Object.fromEntries(
        Array.from({ length: count }, (_, n) => [
          `reports:${n}`,
          { permissions: ['reports:view', 'x'.repeat(1000)] },
        ]),
      );
    pdp.permissions = map(4000);
    expect(Object.keys(await ask())).toHaveLength(4000);
    pdp.permissions = map(17_000);
    await expect(ask()).rejects.toMatchObject({
      logCode: 'permit_answer_too_large',
    });
    await engine.close();
  });
});
