import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { routeTable } from '../../src/index.ts';
import { type AppStack, startAppStack } from '../support/app-stack.ts';
import { guardMutants } from '../support/permission-mutants.ts';
import { type SweepCaller, sweepRoutes, wentWrong } from '../support/permission-sweep.ts';

const params = {
  reportId: '00000000-0000-4000-8000-000000000000',
  userId: 'carol0000000',
  role: 'viewer',
  id: '1',
};
let stack: AppStack;
let callers: SweepCaller[];

beforeAll(async () => {
  stack = await startAppStack({ rateLimitPerMinute: 0 });
  const token = await stack.emulators.tokenFor('mallory');
  callers = [{ name: 'without grants', headers: { authorization: `Bearer ${token}` }, refusedWith: 403 }];
}, 60_000);
afterAll(() => stack.close());

const sweep = () => sweepRoutes({ app: stack.app, baseUrl: stack.url, callers, params });

describe('the guards of the reference application', () => {
  it('refuse somebody without a role at every door', async () => {
    const results = await sweep();
    const doors = routeTable(stack.app).filter(({ guard }) => guard?.kind === 'permission');
    expect(results).toHaveLength(doors.length);
    expect(results.filter(wentWrong)).toEqual([]);
  });

  it('are missed, each of them, when they only say that they have looked', async () => {
    const mutants = guardMutants(stack.app).filter(({ name }) => !name.endsWith(' authenticated'));
    expect(mutants.length).toBeGreaterThan(12);
    const survivors: string[] = [];
    for (const mutant of mutants) {
      const results = await mutant.without(sweep);
      if (!results.some(wentWrong)) survivors.push(mutant.name);
    }
    expect(survivors).toEqual([]);
    expect((await sweep()).filter(wentWrong)).toEqual([]);
  }, 60_000);
});
