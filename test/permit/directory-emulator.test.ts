import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { systemClock } from '../../src/clock.ts';
import {
  type PermitEmulator,
  startPermitEmulator,
} from '../../src/emulators/permit/start-permit-emulator.ts';
import { createDirectory } from '../../src/permit/directory.ts';
import type { Directory } from '../../src/sync/ports.ts';

const policy = {
  resources: { reports: { actions: ['view'], roles: { owner: ['view'], admin: ['view'] } } },
  roles: { admin: ['reports:view'], editor: ['reports:view'], viewer: ['reports:view'] },
};
let permit: PermitEmulator;
let directory: Directory;

beforeAll(async () => {
  permit = await startPermitEmulator({ policy });
  directory = createDirectory({ apiKey: permit.keys.environment, apiUrl: permit.url, clock: systemClock });
});
afterAll(() => permit.close());

it('takes many roles away although one of them names what is gone', async () => {
  const alice = 'alice0000000';
  expect(await directory.assignmentsOf(alice, 'default')).toEqual([
    { user: alice, role: 'admin', tenant: 'default' },
  ]);
  await directory.unassignMany([
    { user: 'nobody000000', role: 'viewer', tenant: 'default' },
    { user: alice, role: 'editor', tenant: 'default' },
    { user: alice, role: 'admin', tenant: 'default' },
  ]);
  expect(await directory.assignmentsOf(alice, 'default')).toEqual([]);
});

it('and only those', async () => {
  await directory.unassignMany([{ user: 'bob000000000', role: 'editor', tenant: 'default' }]);
  expect(await directory.assignmentsOf('bob000000000')).toEqual([
    { user: 'bob000000000', role: 'editor', tenant: 'acme00000000' },
  ]);
});

it('makes an object with attributes or without, once, and takes it away, once', async () => {
  const plain = { type: 'reports', key: 'plain', tenant: 'default' };
  await directory.createInstance(plain);
  await directory.createInstance(plain);
  await directory.createInstance({ ...plain, key: 'rich', attributes: { status: 'draft' } });
  expect(await instances()).toEqual([
    ['plain', null],
    ['rich', { status: 'draft' }],
  ]);
  for (const key of ['plain', 'plain', 'rich']) await directory.deleteInstance({ type: 'reports', key });
  expect(await instances()).toEqual([]);
});

describe('the tenant roles of a tenant', () => {
  const acme = { tenant: 'acme00000000', tenantRolesOnly: true };
  const members = ['alice0000000 admin', 'bob000000000 editor', 'carol0000000 viewer'];

  async function listed(): Promise<{ found: string[]; pages: number }> {
    const before = await lists();
    const found: string[] = [];
    for await (const page of directory.listAssignments(acme))
      found.push(...page.map(({ user, role }) => `${user} ${role}`));
    return { found: found.sort(), pages: (await lists()) - before };
  }

  it('are one page where there is not more', async () => {
    await own(1);
    expect(await listed()).toEqual({ found: members, pages: 1 });
  });

  it('are read without the roles on single objects, of which there are many', async () => {
    await own(1_000);
    // One page that was full, then one for each role; an object's role of the same name counts as none of them.
    expect(await listed()).toEqual({ found: members, pages: 4 });
  });

  async function own(count: number): Promise<void> {
    const objects = Array.from({ length: count }, (_, i) => ({
      user: 'alice0000000',
      tenant: acme.tenant,
      resourceInstance: `reports:${i}`,
    }));
    await directory.assignMany(objects.map((object) => ({ ...object, role: 'owner' })));
    await directory.assignMany(objects.slice(0, 50).map((object) => ({ ...object, role: 'admin' })));
  }

  async function lists(): Promise<number> {
    const asked = (await (await fetch(`${permit.url}/_emulator/requests`)).json()) as {
      method: string;
      path: string;
    }[];
    return asked.filter(({ method, path }) => method === 'GET' && path.endsWith('/role_assignments')).length;
  }
});

async function instances(): Promise<unknown[]> {
  const headers = { Authorization: `Bearer ${permit.keys.project}` };
  const scope = `Bearer ${permit.keys.environment}`;
  const at = await (
    await fetch(`${permit.url}/v2/api-key/scope`, { headers: { Authorization: scope } })
  ).json();
  const { project_id, environment_id } = at as Record<string, string>;
  const url = `${permit.url}/v2/facts/${project_id}/${environment_id}/resource_instances?resource=reports`;
  const found = (await (await fetch(url, { headers })).json()) as { key: string; attributes: unknown }[];
  return found.map(({ key, attributes }) => [key, attributes]).sort();
}
