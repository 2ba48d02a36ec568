import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { PermissionChecker, Question } from '../../src/permission/checker.ts';
import { createDecisionCache } from '../../src/permission/decision-cache.ts';
import { canonicalQuestion, questionKey } from '../../src/permission/question-key.ts';

const question = (user = 'alice', tenant = 'default', key?: string): Question => ({
  user: { key: user },
  action: 'view',
  resource: key === undefined ? { type: 'reports', tenant } : { type: 'reports', tenant, key },
});

function cached(ttlMs = 5000, maxEntries = 100) {
  let nowMs = 1_000;
  const asked: Question[] = [];
  let answer: (question: Question) => boolean | Promise<boolean> = () => true;
  const checker: PermissionChecker = {
    isAllowed: async (asking) => {
      asked.push(asking);
      return answer(asking);
    },
    permissionsOf: async () => ({ a: { permissions: [], roles: [] } }),
  };
  const cache = createDecisionCache({ checker, ttlMs, maxEntries, clock: { now: () => nowMs } });
  return {
    cache,
    asked,
    answers: (next: typeof answer) => {
      answer = next;
    },
    pass: (ms: number) => {
      nowMs += ms;
    },
  };
}

describe('b11 the decision cache', () => {
  it('asks once within the time to live, allow and deny alike', async () => {
    const { cache, asked, pass, answers } = cached();
    const trace = {};
    expect(await cache.isAllowed(question())).toBe(true);
    expect(await cache.isAllowed(question(), { trace })).toBe(true);
    expect(trace).toEqual({ cached: true });
    answers(() => false);
    expect(await cache.isAllowed(question('carol'))).toBe(false);
    expect(await cache.isAllowed(question('carol'))).toBe(false);
    expect(asked).toHaveLength(2);
    pass(4_999);
    expect(await cache.isAllowed(question())).toBe(true);
    pass(2);
    expect(await cache.isAllowed(question())).toBe(false);
    expect(asked).toHaveLength(3);
  });

  it('takes no answer from a time that has not come yet: a clock that was set back makes none immortal', async () => {
    const { cache, asked, pass, answers } = cached();
    expect(await cache.isAllowed(question())).toBe(true);
    pass(-900);
    answers(() => false);
    expect(await cache.isAllowed(question())).toBe(false);
    expect(asked).toHaveLength(2);
    pass(4_999);
    expect(await cache.isAllowed(question())).toBe(false);
    expect(asked).toHaveLength(2);
    pass(2);
    expect(await cache.isAllowed(question())).toBe(false);
    expect(asked).toHaveLength(3);
  });

  it.each<[string, Question, Question]>([
    ['b11-1 key parts that join alike', question('a', 'b|c'), question('a|b', 'c')],
    ['b11-2 the user', question('alice'), question('bob')],
    ['b11-3 the tenant', question('alice', 't1'), question('alice', 't2')],
    ['the key, and its absence', question('alice', 't', 'default'), question('alice', 't')],
    [
      'b11-4 the attributes',
      { ...question(), resource: { type: 'reports', tenant: 'default', attributes: { owner: 'a' } } },
      { ...question(), resource: { type: 'reports', tenant: 'default', attributes: { owner: 'b' } } },
    ],
    ["the user's attributes", question(), { ...question(), user: { key: 'alice', attributes: { age: 1 } } }],
    ['b11-5 the context', { ...question(), context: { at: 1 } }, { ...question(), context: { at: '1' } }],
    ['the action', question(), { ...question(), action: 'edit' }],
  ])('tells questions apart by %s', async (_name, left, right) => {
    const { cache, asked } = cached();
    await cache.isAllowed(left);
    await cache.isAllowed(right);
    expect(asked).toEqual([left, right]);
    await cache.isAllowed(structuredClone(left));
    expect(asked).toHaveLength(2);
  });

  it('b11-6 never remembers a failure', async () => {
    const { cache, asked, answers } = cached();
    answers(() => Promise.reject(new Error('outage')));
    await expect(cache.isAllowed(question())).rejects.toThrow('outage');
    answers(() => true);
    expect(await cache.isAllowed(question())).toBe(true);
    expect(asked).toHaveLength(2);
  });

  it('asks an equal question that is under way only once', async () => {
    const { cache, asked } = cached();
    expect(await Promise.all([1, 2, 3].map(() => cache.isAllowed(question())))).toEqual([true, true, true]);
    expect(asked).toHaveLength(1);
  });

  it('asks afresh when told to, and remembers the newer answer', async () => {
    const { cache, asked, answers } = cached();
    answers(() => false);
    expect(await cache.isAllowed(question())).toBe(false);
    answers(() => true);
    expect(await cache.isAllowed(question(), { fresh: true })).toBe(true);
    expect(await cache.isAllowed(question())).toBe(true);
    expect(asked).toHaveLength(2);
  });

  it.each([
    ['a user', { user: 'alice' }, ['alice t1', 'alice t2']],
    ['a tenant', { tenant: 't1' }, ['alice t1', 'bob t1']],
    ['a user in a tenant', { user: 'alice', tenant: 't1' }, ['alice t1']],
    ['a stranger', { user: 'nobody' }, []],
    ['everybody', {}, ['alice t1', 'alice t2', 'bob t1', 'bob t2']],
  ])('forgets %s', async (_name, what, forgotten) => {
    const { cache, asked } = cached();
    const all = ['alice', 'bob'].flatMap((user) => ['t1', 't2'].map((tenant) => question(user, tenant)));
    for (const one of all) await cache.isAllowed(one);
    asked.length = 0;
    cache.forget(what);
    for (const one of all) await cache.isAllowed(one);
    expect(asked.map(({ user, resource }) => `${user.key} ${resource.tenant}`)).toEqual(forgotten);
  });

  it('does not remember an answer that was asked for before a change, nor hand it on', async () => {
    const { cache, asked, answers } = cached();
    let release: (allowed: boolean) => void = () => undefined;
    answers(
      () =>
        new Promise((resolve) => {
          release = resolve;
        }),
    );
    const before = cache.isAllowed(question());
    const releaseBefore = release;
    cache.forget({ user: 'alice' });
    answers(() => false);
    expect(await cache.isAllowed(question())).toBe(false);
    releaseBefore(true);
    expect(await before).toBe(true);
    expect(await cache.isAllowed(question())).toBe(false);
    expect(asked).toHaveLength(2);
  });

  it('gives no answer that was forgotten within the same turn of the event loop', async () => {
    const { cache, asked, answers } = cached();
    await cache.isAllowed(question());
    answers(() => false);
    const meanwhile = cache.isAllowed(question());
    cache.forget({ user: 'alice' });
    expect(await meanwhile).toBe(false);
    expect(asked).toHaveLength(2);

    const suspended = cache.isAllowed(question());
    cache.suspend(true);
    expect(await suspended).toBe(false);
    expect(asked).toHaveLength(3);
    expect(cache.size).toBe(0);
  });

  it('b11-9 keeps to its size', async () => {
    const { cache } = cached(5000, 10);
    for (let user = 0; user < 50; user += 1) await cache.isAllowed(question(`u${user}`));
    expect(cache.size).toBe(10);
  });

  it('is no cache while it is suspended', async () => {
    const { cache, asked } = cached();
    await cache.isAllowed(question());
    cache.suspend(true);
    expect(cache.size).toBe(0);
    await cache.isAllowed(question());
    await cache.isAllowed(question());
    expect(asked).toHaveLength(3);
    cache.suspend(false);
    await cache.isAllowed(question());
    await cache.isAllowed(question());
    expect(asked).toHaveLength(4);
    expect(await cache.permissionsOf({ user: 'a', tenant: 't' })).toHaveProperty('a');
  });
});

describe('the key of a question', () => {
  it('does not depend on the order of members', () => {
    const attributes = { a: 1, b: [{ c: 2, d: undefined }], e: null, f: new Date(0), g: Number.NaN };
    const other = { g: Number.NaN, f: new Date(0), e: null, b: [{ c: 2 }], a: 1 };
    const left: Question = { ...question(), user: { key: 'alice', attributes } };
    const right: Question = { ...question(), user: { attributes: other, key: 'alice' } };
    expect(questionKey(left)).toBe(questionKey(right));
  });

  it('is the question itself, and its whole hash when that is long', () => {
    expect(questionKey(question())).toBe(canonicalQuestion(question()));
    const long = question('x'.repeat(300));
    expect(questionKey(long)).toMatch(/^[\w-]{43}$/);
    expect(questionKey(question('x'.repeat(301)))).not.toBe(questionKey(long));
    const attributes = [undefined, () => 1] as unknown as Record<string, unknown>;
    expect(canonicalQuestion({ ...question(), context: attributes })).toContain('[null,null]');
  });

  // Small alphabets make near misses, which is where a joined key goes wrong.
  it('never collides for different questions', () => {
    const runs = Number(process.env.QUESTION_PAIRS ?? 10_000);
    const part = fc.string({ unit: fc.constantFrom('a', '|', ':', '"', '\\', ',', '{'), maxLength: 4 });
    const attributes = fc.option(
      fc.dictionary(part, fc.oneof(part, fc.integer({ max: 3 }), fc.boolean()), { maxKeys: 2 }),
      {
        nil: undefined,
      },
    );
    const anyQuestion = fc.record({
      user: part,
      action: part,
      type: part,
      tenant: part,
      key: fc.option(part, { nil: undefined }),
      attributes,
      context: attributes,
    });
    type Parts = typeof anyQuestion extends fc.Arbitrary<infer T> ? T : never;
    const build = ({ user, action, type, tenant, key, attributes: own, context }: Parts): Question => ({
      user: { key: user },
      action,
      resource: { type, tenant, ...(key === undefined ? {} : { key }), ...(own ? { attributes: own } : {}) },
      ...(context ? { context } : {}),
    });
    const wire = ({ user, action, type, tenant, key, attributes: own, context }: Parts) =>
      JSON.stringify([user, action, type, tenant, key ?? 0, sorted(own), sorted(context)]);
    const sorted = (members: Record<string, unknown> | undefined) =>
      members ? Object.entries(members).sort() : 0;
    let collisions = 0;
    let different = 0;
    fc.assert(
      fc.property(anyQuestion, anyQuestion, (left, right) => {
        const same = wire(left) === wire(right);
        const equal = questionKey(build(left)) === questionKey(build(right));
        if (!same) different += 1;
        if (equal !== same) collisions += 1;
        return canonicalQuestion(build(left)) === canonicalQuestion(structuredClone(build(left)));
      }),
      { numRuns: runs },
    );
    expect(collisions).toBe(0);
    expect(different).toBeGreaterThan(runs * 0.9);
  });
});
