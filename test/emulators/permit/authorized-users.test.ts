import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { openPermitCaller, type PermitCaller } from '../../support/permit-caller.ts';

let permit: PermitCaller;
beforeEach(async () => {
  permit = await openPermitCaller();
});
afterEach(() => permit.close());

const who = async (action: string, resource: object) =>
  (await permit.call('POST', '/authorized_users', { action, resource })).body;
const made = async (method: string, path: string, body: unknown) =>
  expect((await permit.call(method, path, body)).status).toBe(200);

it('knows nobody when no tenant is named', async () => {
  const none = { tenant: 'default', users: {} };
  expect(await who('view', { type: 'reports' })).toEqual({ resource: 'reports:*', ...none });
  expect(await who('view', { type: 'reports', key: 'r1', tenant: null })).toEqual({
    resource: 'reports:r1',
    ...none,
  });
  const { users } = await who('view', { type: 'reports', tenant: 'default' });
  expect(Object.keys(users)).toContain('alice0000000');
});

it('names an assignment once, though two roles follow from it', async () => {
  await made('POST', 'schema/resources/reports/roles', {
    key: 'auditor',
    name: 'Auditor',
    permissions: ['view'],
    granted_to: {
      users_with_role: [{ role: 'keeper', on_resource: 'folders', linked_by_relation: 'parent' }],
    },
  });
  const tuple = { subject: 'folders:f1', relation: 'parent', object: 'reports:r1', tenant: 'default' };
  await made('POST', 'facts/relationship_tuples', tuple);
  const role = { role: 'keeper', tenant: 'default', resource_instance: 'folders:f1' };
  await made('POST', 'facts/users', { key: 'zoe', role_assignments: [role] });
  const { users } = await who('view', { type: 'reports', key: 'r1', tenant: 'default' });
  expect(users.zoe).toEqual([
    { user: 'zoe', tenant: 'default', resource: 'folders:f1', role: 'folders#keeper' },
  ]);
});

const LAYERS = 24;

/** Layers of two nodes, each joined with both below it: 2^24 ways from the top to the bottom. */
async function openLattice(): Promise<void> {
  await made('POST', 'schema/resources', { key: 'nodes', name: 'Nodes', actions: { open: {} } });
  await made('PATCH', 'schema/resources/nodes', {
    relations: { above: 'nodes' },
    roles: {
      other: { name: 'Other' },
      seer: {
        name: 'Seer',
        permissions: ['open'],
        granted_to: {
          when: { no_direct_roles_on_object: true },
          users_with_role: [{ role: 'seer', on_resource: 'nodes', linked_by_relation: 'above' }],
        },
      },
    },
  });
  const operations = Array.from({ length: LAYERS - 1 }, (_, layer) =>
    ['a', 'b'].flatMap((from) =>
      ['a', 'b'].map((to) => ({
        subject: `nodes:${from}${layer}`,
        relation: 'above',
        object: `nodes:${to}${layer + 1}`,
        tenant: 'default',
      })),
    ),
  ).flat();
  await made('POST', 'facts/relationship_tuples/bulk', { operations });
}

it('answers promptly where many ways lead to one object, and as decisions do', async () => {
  await openLattice();
  const at = (node: string, role = 'seer') => ({
    role,
    tenant: 'default',
    resource_instance: `nodes:${node}`,
  });
  const people = {
    top: [at('a0')],
    passing: [at('a0'), at('a9', 'other')],
    cut: [at('a0'), at('a9', 'other'), at('b9', 'other')],
  };
  for (const [key, role_assignments] of Object.entries(people)) {
    await made('POST', 'facts/users', { key, role_assignments });
  }
  const bottom = { type: 'nodes', key: `a${LAYERS - 1}`, tenant: 'default' };
  const startedAt = performance.now();
  const { users } = await who('open', bottom);
  expect(performance.now() - startedAt).toBeLessThan(1000);
  const row = { tenant: 'default', resource: 'nodes:a0', role: 'nodes#seer' };
  expect(users).toEqual({ top: [{ user: 'top', ...row }], passing: [{ user: 'passing', ...row }] });
  const allowed = await Promise.all(Object.keys(people).map((key) => permit.allowed(key, 'open', bottom)));
  expect(allowed).toEqual([true, true, false]);
}, 20_000);
