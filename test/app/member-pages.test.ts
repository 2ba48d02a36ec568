import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { type AppStack, startAppStack } from '../support/app-stack.ts';

const ACME = 'acme00000000';
let stack: AppStack;
beforeAll(async () => {
  stack = await startAppStack();
});
afterAll(() => stack.close());

it('the pages of the members go on behind a key that somebody made by hand', async () => {
  const keys = ['ann@corp.com', `long-${'x'.repeat(251)}`, '+plus', 'auth0|who'];
  await stack.gate.directory.syncUsers(keys.map((key) => ({ key })));
  await stack.gate.directory.assignMany(keys.map((user) => ({ user, role: 'viewer', tenant: ACME })));
  const all = (await stack.call('alice@acme', 'GET', '/api/members')).body.items;
  expect(all.map(({ id }: { id: string }) => id)).toEqual(expect.arrayContaining(keys));

  const paged: unknown[] = [];
  for (let cursor: string | null = ''; cursor !== null; ) {
    const page = await stack.call(
      'alice@acme',
      'GET',
      `/api/members?limit=1${cursor && `&cursor=${cursor}`}`,
    );
    expect(page.status).toBe(200);
    paged.push(...page.body.items);
    cursor = page.body.nextCursor as string | null;
  }
  expect(paged).toEqual(all);
});

it.each([
  ['an empty place', { after: '' }],
  ['one that is too long', { after: 'x'.repeat(257) }],
  ['one that is no text', { after: 7 }],
])('and %s is no cursor', async (_what, position) => {
  const cursor = Buffer.from(JSON.stringify(position)).toString('base64url');
  expect((await stack.call('alice@acme', 'GET', `/api/members?cursor=${cursor}`)).status).toBe(400);
});
