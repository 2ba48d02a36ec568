import { describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { createBatchingChecker } from '../../src/permission/batching-checker.ts';
import { createBreaker } from '../../src/permission/circuit-breaker.ts';
import type { DecisionEngine } from '../../src/permission/decision-engine.ts';
import { isCloudPdp, withCallBudget } from '../../src/permit/call-budget.ts';
import { createChecker } from '../../src/permit/create-checker.ts';
import { failureKindOf } from '../../src/permit/decisions.ts';
import { observedEngine } from '../../src/permit/observed-engine.ts';

const question = (user: string) => ({
  user: { key: user },
  action: 'view',
  resource: { type: 'reports', tenant: 'default' },
});

function budgeted(perMinute: { bulk: number; single: number; permissions: number }) {
  const calls: string[] = [];
  let nowMs = 0;
  const engine: DecisionEngine = {
    async askOne() {
      calls.push('single');
      return true;
    },
    async askMany(questions) {
      calls.push('bulk');
      return questions.map(() => true);
    },
    async permissionsOf() {
      calls.push('permissions');
      return {};
    },
    kindOf: failureKindOf,
    close: async () => undefined,
  };
  const clock = { now: () => nowMs };
  const limited = withCallBudget(engine, { clock, perMinute });
  const checker = createBatchingChecker({
    engine: limited,
    breaker: createBreaker({ counts: (failure) => limited.kindOf(failure) === 'outage' }),
  });
  return {
    calls,
    checker,
    pass: (ms: number) => {
      nowMs += ms;
    },
  };
}

describe('the budget of calls to the cloud PDP', () => {
  it('holds a call back that would be refused, and says how long', async () => {
    const { checker, calls, pass } = budgeted({ bulk: 60, single: 2, permissions: 1 });
    await checker.isAllowed(question('a'));
    await checker.isAllowed(question('b'));
    await expect(checker.isAllowed(question('c'))).rejects.toMatchObject({
      status: 503,
      logCode: 'permit_budget_spent',
      headers: { 'Retry-After': '30' },
    });
    pass(30_000);
    await checker.isAllowed(question('d'));
    await checker.permissionsOf({ user: 'a', tenant: 'default' });
    await expect(checker.permissionsOf({ user: 'a', tenant: 'default' })).rejects.toMatchObject({
      status: 503,
    });
    expect(calls).toEqual(['single', 'single', 'single', 'permissions']);
  });

  it('asks one by one when only bulk calls are used up', async () => {
    const { checker, calls } = budgeted({ bulk: 1, single: 10, permissions: 1 });
    const two = () => Promise.all([checker.isAllowed(question('a')), checker.isAllowed(question('b'))]);
    expect(await two()).toEqual([true, true]);
    expect(await two()).toEqual([true, true]);
    expect(calls).toEqual(['bulk', 'single', 'single']);
  });

  it('never fills above its limit', async () => {
    const { checker, calls, pass } = budgeted({ bulk: 1, single: 2, permissions: 1 });
    pass(3_600_000);
    await checker.isAllowed(question('a'));
    await checker.isAllowed(question('b'));
    await expect(checker.isAllowed(question('c'))).rejects.toMatchObject({ status: 503 });
    expect(calls).toHaveLength(2);
  });

  it('is for the cloud PDP alone', async () => {
    expect(isCloudPdp('https://cloudpdp.api.permit.io')).toBe(true);
    expect(isCloudPdp('https://cloudpdp.api.permit.io.example.com')).toBe(false);
    expect(isCloudPdp('http://localhost:7766')).toBe(false);
    const log = pino({ level: 'silent' });
    await createChecker({ pdpUrl: 'https://cloudpdp.api.permit.io', apiKey: 'key', log }).stop();
  });
});

describe('what is observed of calls to the PDP', () => {
  it('is counted and logged by outcome, loudly when our key is refused', async () => {
    const lines: { level: number; outcome: string }[] = [];
    const log = pino({}, { write: (line: string) => void lines.push(JSON.parse(line)) });
    const metrics = new Registry();
    const failing = (error: unknown) =>
      observedEngine({ ...engineThat(error), kindOf: failureKindOf }, { log, metrics });
    const { UpstreamUnavailable } = await import('../../src/errors.ts');
    const refused = new UpstreamUnavailable('permit', 'no', { logCode: 'permit_key_refused' });
    await expect(failing(refused).askOne('{}', 0)).rejects.toBe(refused);
    await expect(failing(new Error('odd')).askMany(['{}'], 0)).rejects.toThrow('odd');
    await expect(failing(undefined).permissionsOf({ user: 'a', tenant: 't' }, 0)).resolves.toEqual({});
    expect(lines.map(({ level, outcome }) => [level, outcome])).toEqual([
      [50, 'permit_key_refused'],
      [40, 'unforeseen'],
    ]);
    const text = await metrics.metrics();
    expect(text).toContain('elp_pdp_calls_total{endpoint="allowed",outcome="permit_key_refused"} 1');
    expect(text).toContain('elp_pdp_calls_total{endpoint="user-permissions",outcome="ok"} 1');
  });
});

function engineThat(error: unknown): DecisionEngine {
  const fail = async <T>(value: T): Promise<T> => {
    if (error) throw error;
    return value;
  };
  return {
    askOne: () => fail(true),
    askMany: () => fail([true]),
    permissionsOf: () => fail({}),
    kindOf: failureKindOf,
    close: async () => undefined,
  };
}
