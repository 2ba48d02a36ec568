import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type AppStack, startAppStack } from '../support/app-stack.ts';

const ALICE = 'alice0000000';
const BOB = 'bob000000000';
const CAROL = 'carol0000000';
const ACME = 'acme00000000';
let stack: AppStack;

beforeAll(async () => {
  stack = await startAppStack();
  await compare();
});
afterAll(() => stack.close());

async function compare(): Promise<void> {
  await stack.gate.sync.reconcile();
  await stack.gate.sync.settled();
}

const pathOf = (user: string, role: string) => `/api/members/${user}/roles/${role}`;
const give = (who: string, user: string, role: string) => stack.call(who, 'PUT', pathOf(user, role));
const take = (who: string, user: string, role: string) => stack.call(who, 'DELETE', pathOf(user, role));
const rolesOf = async (user: string) => (await stack.gate.members.rolesOf(user, ACME)).sort();

describe('a role that Logto gave', () => {
  it('is taken at Logto: here it would be back with the next comparison', async () => {
    const refused = await take('alice@acme', BOB, 'editor');
    expect([refused.status, refused.body.code]).toEqual([409, 'conflict']);
    expect(refused.body.detail).toMatch(/comes from Logto/);
    expect(await rolesOf(BOB)).toEqual(['editor']);
    expect(await stack.gate.outbox.stats()).toMatchObject({ open: 0 });
  });

  it('stands in nobody else’s way: what the application gave is taken, and stays so', async () => {
    expect((await give('alice@acme', BOB, 'viewer')).status).toBe(200);
    await compare();
    expect(await rolesOf(BOB)).toEqual(['editor', 'viewer']);
    expect((await take('alice@acme', BOB, 'viewer')).status).toBe(204);
    await compare();
    expect(await rolesOf(BOB)).toEqual(['editor']);
  });

  it('tells nothing to those who may not manage, and nothing of strangers', async () => {
    expect((await take('carol@acme', BOB, 'editor')).status).toBe(403);
    expect((await take('erin@globex', BOB, 'editor')).status).toBe(403);
  });
});

describe('the right to manage members', () => {
  it('is not taken from oneself, but by another administrator', async () => {
    expect((await give('alice@acme', CAROL, 'admin')).status).toBe(200);
    const refused = await take('carol@acme', CAROL, 'admin');
    expect([refused.status, refused.body.code]).toEqual([409, 'conflict']);
    expect(refused.body.detail).toMatch(/another administrator/);
    expect((await stack.call('carol@acme', 'GET', '/api/members')).status).toBe(200);
    expect((await take('alice@acme', CAROL, 'admin')).status).toBe(204);
    expect((await stack.call('carol@acme', 'GET', '/api/members')).status).toBe(403);
  });

  it('is no other role: those anybody may take from themselves', async () => {
    expect((await give('alice@acme', ALICE, 'viewer')).status).toBe(200);
    expect((await take('alice@acme', ALICE, 'viewer')).status).toBe(204);
    expect(await rolesOf(ALICE)).toEqual(['admin']);
  });
});

it('the description of the API names the refusal', async () => {
  const { body } = await stack.call(undefined, 'GET', '/openapi.json');
  const { responses } = body.paths['/api/members/{userId}/roles/{role}'].delete;
  expect(Object.keys(responses)).toEqual(expect.arrayContaining(['204', '403', '409']));
});
