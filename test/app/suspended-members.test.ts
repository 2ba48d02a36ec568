import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type AppStack, startAppStack } from '../support/app-stack.ts';

const CAROL = 'carol0000000';
const ACME = 'acme00000000';
let stack: AppStack;

beforeAll(async () => {
  stack = await startAppStack();
});
afterAll(() => stack.close());

async function suspend(isSuspended: boolean): Promise<void> {
  const { logto } = stack.emulators;
  const { token } = await logto.mintToken({
    machine: 'Management API access',
    resource: 'https://default.logto.app/api',
  });
  const answer = await fetch(`${logto.url}/api/users/${CAROL}/is-suspended`, {
    method: 'PATCH',
    headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({ isSuspended }),
  });
  expect(answer.status).toBe(200);
  await logto.settled();
  await stack.gate.sync.settled();
}

async function rolesInAcme(): Promise<string[]> {
  const held = await stack.gate.directory.assignmentsOf(CAROL, ACME);
  return held.map(({ role, resourceInstance }) => `${role} ${resourceInstance ?? ''}`.trim()).sort();
}

async function sharedReport(): Promise<string> {
  const report = await stack.call('alice@acme', 'POST', '/api/reports', { title: 'Shared', body: '' });
  expect(report.status).toBe(201);
  const { id } = report.body;
  expect((await stack.call('alice@acme', 'PUT', `/api/reports/${id}/shares/${CAROL}`)).status).toBe(200);
  return id;
}

describe('what the application takes from somebody who is suspended', () => {
  it('stays taken when the suspension ends; everything else comes back', async () => {
    const [taken, kept] = [await sharedReport(), await sharedReport()];
    for (const role of ['editor', 'admin']) {
      const path = `/api/members/${CAROL}/roles/${role}`;
      expect((await stack.call('alice@acme', 'PUT', path)).status).toBe(200);
    }
    const before = [`admin`, `editor`, `reader reports:${taken}`, `reader reports:${kept}`, 'viewer'].sort();
    expect(await rolesInAcme()).toEqual(before);

    await suspend(true);
    expect(await rolesInAcme()).toEqual([]);
    const unshared = await stack.call('alice@acme', 'DELETE', `/api/reports/${taken}/shares/${CAROL}`);
    expect(unshared.status).toBe(204);
    const path = (role: string) => `/api/members/${CAROL}/roles/${role}`;
    expect((await stack.call('alice@acme', 'DELETE', path('editor'))).status).toBe(204);
    // Nothing is given to somebody who is suspended, and a stranger's administrator takes nothing.
    expect((await stack.call('alice@acme', 'PUT', path('editor'))).status).toBe(403);
    expect((await stack.call('erin@globex', 'DELETE', path('admin'))).status).toBe(403);

    await suspend(false);
    expect(await rolesInAcme()).toEqual(['admin', `reader reports:${kept}`, 'viewer']);
  });

  it('and nothing is lost when nothing is taken', async () => {
    const before = await rolesInAcme();
    await suspend(true);
    expect(await rolesInAcme()).toEqual([]);
    await suspend(false);
    expect(await rolesInAcme()).toEqual(before);
    expect(before).toContain('admin');
  });
});
