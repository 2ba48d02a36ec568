import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type AppStack, startAppStack } from '../support/app-stack.ts';

let stack: AppStack;
beforeAll(async () => {
  stack = await startAppStack();
});
afterAll(() => stack.close());

const input = { title: 'Through the outage', body: '' };
const CAROL = 'carol0000000';
const MANAGEMENT = { machine: 'Management API access', resource: 'https://default.logto.app/api' };

/** While Permit takes no role assignment and removes nothing; it still reads, decides and makes objects. */
async function outage<T>(work: () => Promise<T>): Promise<T> {
  const faults = `${stack.emulators.permit.url}/_emulator/faults`;
  for (const match of [
    { method: 'POST', path: '/v2/facts*/role_assignments' },
    { method: 'DELETE', path: '/v2/facts*' },
  ]) {
    await fetch(faults, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ match, status: 503 }),
    });
  }
  try {
    return await work();
  } finally {
    await fetch(faults, { method: 'DELETE' });
  }
}
/** Whatever waits for its next try, has it. */
async function later(): Promise<void> {
  stack.emulators.clock.setOffset(600);
  await stack.gate.outbox.drain();
  stack.emulators.clock.setOffset(0);
}
const stored = async () => {
  const { rows } = await stack.gate.database.query<{ id: string; visible: boolean }>(
    'select id, visible from elp.report where title = $1',
    [input.title],
  );
  return rows;
};
async function instances(): Promise<string[]> {
  const text = JSON.stringify(stack.emulators.permit.state());
  return [...text.matchAll(/"([0-9a-f]{8}-[0-9a-f-]{27})"/g)].map((match) => match[1] ?? '');
}
const rolesOf = (key: string) => stack.gate.members.rolesOf(key, 'acme00000000');

describe('a report that is created while Permit is down', () => {
  it('is 503, invisible, and goes again with everything that was made for it', async () => {
    const id = await outage(async () => {
      const answer = await stack.call('alice', 'POST', '/api/reports', input);
      expect([answer.status, answer.body.code]).toEqual([503, 'upstream_unavailable']);
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
      const [row] = await stored();
      expect(row).toMatchObject({ visible: false });
      // The object is made, its owner is not: half of it is there.
      expect(await instances()).toContain(row?.id);
      expect((await stack.call('alice', 'GET', `/api/reports/${row?.id}`)).status).toBe(403);
      expect((await stack.call('alice', 'GET', '/api/reports')).body.items).toEqual([]);
      return row?.id;
    });

    await later();
    expect(await stored()).toEqual([]);
    expect(await instances()).not.toContain(id);
  });

  it('with an Idempotency-Key is there once, however often it is asked for', async () => {
    const key = { 'Idempotency-Key': 'through-the-outage' };
    const ask = () => stack.call('alice', 'POST', '/api/reports', input, key);
    const statuses = await outage(async () => [(await ask()).status, (await ask()).status]);
    expect(statuses).toEqual([503, 503]);
    expect(await stored()).toEqual([expect.objectContaining({ visible: false })]);
    const again = await Promise.all([ask(), ask(), ask()]);
    expect(again.map(({ status }) => status)).toEqual([201, 201, 201]);
    await later();
    const [{ id } = { id: '' }, ...more] = await stored();
    expect([more, again.map(({ body }) => body.id)]).toEqual([[], [id, id, id]]);
    expect((await stack.call('alice', 'DELETE', `/api/reports/${id}`)).status).toBe(204);
  });
});

describe('what was given while Permit was down, and then taken', () => {
  it('stays taken: a role', async () => {
    const path = `/api/members/${CAROL}/roles/admin`;
    const given = await outage(() => stack.call('alice@acme', 'PUT', path));
    expect([given.status, (await stack.gate.outbox.stats()).open]).toEqual([503, 1]);
    expect((await stack.call('alice@acme', 'DELETE', path)).status).toBe(204);
    await later();
    expect(await rolesOf(CAROL)).toEqual(['viewer']);
  });

  it('stays taken: a share', async () => {
    const { id } = (await stack.call('alice@acme', 'POST', '/api/reports', input)).body;
    const path = `/api/reports/${id}/shares/${CAROL}`;
    expect((await outage(() => stack.call('alice@acme', 'PUT', path))).status).toBe(503);
    expect((await stack.call('alice@acme', 'DELETE', path)).status).toBe(204);
    await later();
    const held = await stack.gate.directory.assignmentsOf(CAROL, 'acme00000000');
    expect(held.filter(({ role }) => role === 'reader')).toEqual([]);
  });

  it('and what nobody took is given later', async () => {
    const path = `/api/members/${CAROL}/roles/editor`;
    expect((await outage(() => stack.call('alice@acme', 'PUT', path))).status).toBe(503);
    expect(await rolesOf(CAROL)).toEqual(['viewer']);
    await later();
    expect((await rolesOf(CAROL)).sort()).toEqual(['editor', 'viewer']);
  });

  it('is not given later to somebody who has left meanwhile', async () => {
    const path = `/api/members/${CAROL}/roles/admin`;
    expect((await outage(() => stack.call('alice@acme', 'PUT', path))).status).toBe(503);
    const leave = () =>
      stack.emulators.logto.mintToken(MANAGEMENT).then(({ token }) =>
        fetch(`${stack.emulators.logto.url}/api/organizations/acme00000000/users/${CAROL}`, {
          method: 'DELETE',
          headers: { Authorization: `Bearer ${token}` },
        }),
      );
    expect((await leave()).status).toBe(204);
    await stack.emulators.logto.settled();
    await stack.gate.sync.settled();
    await later();
    expect(await rolesOf(CAROL)).toEqual([]);
    expect((await stack.gate.outbox.stats()).open).toBe(0);
  });
});

describe('the comparison of Logto and Permit', () => {
  it('is 503 while Permit cannot be read, and there again afterwards', async () => {
    const faults = `${stack.emulators.permit.url}/_emulator/faults`;
    await fetch(faults, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ match: { method: 'GET', path: '/v2/facts*' }, status: 503 }),
    });
    const down = await stack.call('alice', 'GET', '/api/admin/drift?fresh=true');
    await fetch(faults, { method: 'DELETE' });
    expect([down.status, down.body.code]).toEqual([503, 'upstream_unavailable']);
    const up = await stack.call('alice', 'GET', '/api/admin/drift?fresh=true');
    expect([up.status, up.body.available]).toEqual([200, true]);
  });
});
