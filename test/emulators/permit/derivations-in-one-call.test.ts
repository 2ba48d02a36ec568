import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { openPermitCaller, type PermitCaller } from '../../support/permit-caller.ts';

let permit: PermitCaller;
beforeEach(async () => {
  permit = await openPermitCaller();
  const orgs = { key: 'orgs', name: 'Orgs', actions: {}, roles: { boss: { name: 'Boss' } } };
  expect((await permit.call('POST', 'schema/resources', orgs)).status).toBe(200);
});
afterEach(() => permit.close());

const by = (role: string, on_resource: string) => ({
  users_with_role: [{ role, on_resource, linked_by_relation: 'parent' }],
});
const reader = async () => (await permit.call('GET', 'schema/resources/reports/roles/reader')).body;
const zoeSees = () => permit.allowed('zoe', 'view', { type: 'reports', key: 'r1', tenant: 'default' });

async function zoeIsBossAbove(): Promise<void> {
  const tuple = { subject: 'orgs:o1', relation: 'parent', object: 'reports:r1', tenant: 'default' };
  await permit.call('POST', 'facts/relationship_tuples', tuple);
  const role = { role: 'boss', tenant: 'default', resource_instance: 'orgs:o1' };
  await permit.call('POST', 'facts/users', { key: 'zoe', role_assignments: [role] });
}

it('a relation may lead elsewhere together with the roles that follow it', async () => {
  const changed = await permit.call('PATCH', 'schema/resources/reports', {
    relations: { parent: 'orgs' },
    roles: { reader: { name: 'Reader', permissions: ['view'], granted_to: by('boss', 'orgs') } },
  });
  expect(changed.status).toBe(200);
  expect((await reader()).granted_to.users_with_role).toEqual([
    expect.objectContaining({ role: 'boss', on_resource: 'orgs' }),
  ]);
  await zoeIsBossAbove();
  expect(await zoeSees()).toBe(true);
});

it('a relation that leads elsewhere takes the old rules along', async () => {
  expect((await reader()).granted_to.users_with_role).toHaveLength(1);
  await permit.call('PATCH', 'schema/resources/reports', { relations: { parent: 'orgs' } });
  expect((await reader()).granted_to.users_with_role).toEqual([]);
  await zoeIsBossAbove();
  expect(await zoeSees()).toBe(false);
});

it('roles in bulk may derive from what stands before them in the call', async () => {
  await permit.call('PATCH', 'schema/resources/reports', { relations: { parent: 'orgs' } });
  const helper = {
    key: 'helper',
    name: 'Helper',
    resource: 'reports',
    permissions: ['view'],
    granted_to: by('chief', 'orgs'),
  };
  const put = (operations: unknown[]) => permit.call('PUT', 'schema/bulk/roles', { operations });
  expect((await put([helper])).status).toBe(404);
  const made = await put([{ key: 'chief', name: 'Chief', resource: 'orgs' }, helper]);
  expect(made.status).toBe(200);
  const answer = await permit.call('GET', 'schema/resources/reports/roles/helper');
  expect(answer.body.granted_to.users_with_role).toEqual([expect.objectContaining({ role: 'chief' })]);
});
