import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  type PermitEmulator,
  startPermitEmulator,
} from '../../../src/emulators/permit/start-permit-emulator.ts';
import { emptySeed } from '../../../src/emulators/seed.ts';
import { examplePolicy } from '../../support/permit-policy.ts';

const COUNT = Number(process.env.PERMIT_MANY_USERS ?? 450);
const A_CALL = 3000;
const PER_PAGE = 100;

type Role = { role: string; tenant: string };
type User = { key: string; email: string | null; roles: Role[] };
type Assignment = { user: string; role: string };

const keys = Array.from({ length: COUNT }, (_, i) => `user${String(i).padStart(8, '0')}`);
/** None, one or two tenant roles: a user with a single role is kept differently from one with several. */
const rolesAt = (i: number): string[] => ['viewer', 'editor'].slice(0, i % 3);

describe('lists of many users, read page by page', () => {
  let emulator: PermitEmulator;
  let facts: string;
  /** What the emulator should hold. */
  const expected = new Map<string, string[]>();

  async function call<Body>(method: string, path: string, body?: unknown): Promise<Body> {
    const answer = await fetch(`${facts}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${emulator.keys.environment}`,
        'content-type': 'application/json',
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path} answered ${answer.status} ${text}`);
    return (text === '' ? undefined : JSON.parse(text)) as Body;
  }

  async function allUsers(): Promise<User[]> {
    const users: User[] = [];
    for (let page = 1; ; page += 1) {
      const { data } = await call<{ data: User[] }>('GET', `/users?page=${page}&per_page=${PER_PAGE}`);
      for (const user of data) users.push(user);
      if (data.length < PER_PAGE) return users;
    }
  }

  async function allAssignments(): Promise<Assignment[]> {
    const rows: Assignment[] = [];
    for (let page = 1; ; page += 1) {
      const path = `/role_assignments?page=${page}&per_page=${PER_PAGE}`;
      const data = await call<Assignment[]>('GET', path);
      for (const row of data) rows.push(row);
      if (data.length < PER_PAGE) return rows;
    }
  }

  async function expectListed(): Promise<void> {
    const users = await allUsers();
    expect(new Map(users.map(({ key, roles }) => [key, roles.map(({ role }) => role)]))).toEqual(expected);
    expect(users).toHaveLength(expected.size);
    const pairs = [...expected].flatMap(([user, roles]) => roles.map((role) => `${user} ${role}`));
    const listed = (await allAssignments()).map(({ user, role }) => `${user} ${role}`);
    expect(listed.toSorted()).toEqual(pairs.toSorted());
  }

  beforeAll(async () => {
    emulator = await startPermitEmulator({ seed: emptySeed, policy: examplePolicy });
    const scope = await fetch(`${emulator.url}/v2/api-key/scope`, {
      headers: { authorization: `Bearer ${emulator.keys.environment}` },
    });
    const ids = (await scope.json()) as { project_id: string; environment_id: string };
    facts = `${emulator.url}/v2/facts/${ids.project_id}/${ids.environment_id}`;

    for (let from = 0; from < COUNT; from += A_CALL) {
      const part = keys.slice(from, from + A_CALL);
      await call('PUT', '/bulk/users', { operations: part.map((key) => ({ key })) });
      const given = part.flatMap((key, i) =>
        rolesAt(from + i).map((role) => ({ user: key, role, tenant: 'default' })),
      );
      await call('POST', '/role_assignments/bulk', given);
    }
    for (const [i, key] of keys.entries()) expected.set(key, rolesAt(i));
  });
  afterAll(() => emulator.close());

  it('shows every user with their roles', expectListed);

  it('shows them after some were replaced, deleted, given another role, or lost one', async () => {
    for (const key of keys.slice(0, 6)) {
      await call('PUT', `/users/${key}`, { key, email: `${key}@example.com` });
    }
    for (const key of keys.slice(6, 9)) {
      await call('DELETE', `/users/${key}`);
      expected.delete(key);
    }
    for (const key of keys.slice(9, 12)) {
      await call('POST', '/role_assignments', { user: key, role: 'admin', tenant: 'default' });
      expected.get(key)?.push('admin');
    }
    for (const [i, key] of keys.slice(12, 15).entries()) {
      for (const role of rolesAt(i).slice(0, 1)) {
        await call('DELETE', '/role_assignments', { user: key, role, tenant: 'default' });
        expected.set(key, rolesAt(i).slice(1));
      }
    }
    await expectListed();
    expect((await allUsers())[0]).toMatchObject({ key: keys[0], email: `${keys[0]}@example.com` });
  });
});
