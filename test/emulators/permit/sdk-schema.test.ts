import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { Permit } from 'permitio';
import { openSdkWorld, refusalOf, type SdkWorld } from '../../support/permit-sdk.ts';

let world: SdkWorld;
let permit: Permit;
beforeAll(async () => {
  world = await openSdkWorld();
  permit = world.permit;
});
afterAll(async () => {
  await world.close();
});

it('resources: create whole, read, replace, change, delete with what hangs on them', async () => {
  const { api } = permit;
  const created = await api.resources.create({
    key: 'repo',
    name: 'Repository',
    actions: { clone: {}, push: { name: 'Push' } },
    attributes: { private: { type: 'bool' } },
    roles: { writer: { name: 'Writer', permissions: ['clone', 'push'] } },
    relations: { home: 'folders' },
  });
  expect(created.actions).toMatchObject({ clone: { key: 'clone', name: 'clone' }, push: { name: 'Push' } });
  expect(created.roles).toMatchObject({ writer: { permissions: ['repo:clone', 'repo:push'] } });
  expect(created.relations).toMatchObject({ home: { resource: 'folders', relation_name: 'home' } });
  const again = api.resources.create({ key: 'repo', name: 'R', actions: {} });
  expect((await refusalOf(again)).status).toBe(409);
  expect((await api.resources.get('repo')).id).toBe(created.id);
  expect((await api.resources.getByKey('repo')).id).toBe(created.id);
  expect((await api.resources.getById(created.id)).key).toBe('repo');
  expect((await api.resources.update('repo', { name: 'Code' })).name).toBe('Code');
  const total = await api.resources.list({ includeTotalCount: true });
  expect(total.data.map(({ key }) => key)).toEqual(['reports', 'folders', 'repo']);

  await api.roles.create({ key: 'pusher', name: 'Pusher', permissions: ['repo:push', 'repo:clone'] });
  // An action that is gone takes its permissions with it; blocks that are left out are emptied.
  const replaced = await api.resources.replace('repo', { name: 'Code', actions: { clone: {} } });
  expect(replaced.roles).toEqual({});
  expect((await api.roles.get('pusher')).permissions).toEqual(['repo:clone']);

  await api.resourceInstances.create({ resource: 'repo', key: 'r1', tenant: 'default' });
  await api.resources.delete('repo');
  expect((await refusalOf(api.resourceInstances.get('repo:r1'))).status).toBe(404);
  expect((await api.roles.get('pusher')).permissions).toEqual([]);
  await api.roles.delete('pusher');
});

it('roles: create, extend, permissions, change, delete', async () => {
  const { api } = permit;
  const created = await api.roles.create({ key: 'chief', name: 'Chief', permissions: ['reports:view'] });
  expect((await refusalOf(api.roles.create({ key: 'chief', name: 'C' }))).status).toBe(409);
  const unknown = api.roles.create({ key: 'x', name: 'X', permissions: ['reports:fly'] });
  expect((await refusalOf(unknown)).status).toBe(404);
  expect((await api.roles.getByKey('chief')).id).toBe(created.id);
  expect((await api.roles.getById(created.id)).key).toBe('chief');
  expect((await api.roles.assignPermissions('chief', ['reports:edit'])).permissions).toEqual([
    'reports:view',
    'reports:edit',
  ]);
  expect((await api.roles.removePermissions('chief', ['reports:view'])).permissions).toEqual([
    'reports:edit',
  ]);

  const extended = { name: 'Boss', extends: ['viewer'] };
  expect(await api.roles.update('chief', extended)).toMatchObject(extended);
  expect((await refusalOf(api.roles.update('viewer', { extends: ['chief'] } as object))).status).toBe(400);
  await api.users.sync({ key: 'cy', role_assignments: [{ role: 'chief', tenant: 'default' }] });
  expect(await permit.bulkCheck(actions('cy', ['view', 'edit', 'delete']))).toEqual([true, true, false]);
  expect((await api.roles.list({ includeTotalCount: true })).total_count).toBe(4);
  await api.roles.delete('chief');
  expect(await permit.check('cy', 'edit', 'reports')).toBe(false);
});

const actions = (user: string, names: string[]) =>
  names.map((action) => ({ user, action, resource: 'reports' }));

it('actions and action groups', async () => {
  const { resourceActions, actionGroups } = permit.api;
  const created = await resourceActions.create('reports', { key: 'print', name: 'Print' });
  expect(created.permission_name).toBe('reports:print');
  expect((await resourceActions.get('reports', 'print')).id).toBe(created.id);
  expect((await resourceActions.getByKey('reports', 'print')).id).toBe(created.id);
  expect((await resourceActions.getById('reports', created.id)).key).toBe('print');
  expect((await resourceActions.update('reports', 'print', { name: 'Print it' })).name).toBe('Print it');
  expect(await resourceActions.list({ resourceKey: 'reports' })).toHaveLength(5);

  const group = await actionGroups.create('reports', {
    key: 'paper',
    name: 'Paper',
    actions: ['print', 'view'],
  });
  expect((await actionGroups.get('reports', 'paper')).id).toBe(group.id);
  expect((await actionGroups.getByKey('reports', 'paper')).id).toBe(group.id);
  expect((await actionGroups.getById('reports', group.id)).key).toBe('paper');
  expect(await actionGroups.list({ resourceKey: 'reports' })).toHaveLength(1);
  expect((await actionGroups.update('reports', 'paper', { name: 'On paper' })).name).toBe('On paper');
  await resourceActions.delete('reports', 'print');
  expect((await actionGroups.get('reports', 'paper')).actions).toEqual(['view']);
  await actionGroups.delete('reports', 'paper');
  expect((await refusalOf(actionGroups.get('reports', 'paper'))).status).toBe(404);
});

it('attributes, of resources and of users', async () => {
  const { resourceAttributes } = permit.api;
  const created = await resourceAttributes.create('reports', { key: 'size', type: 'number' });
  expect(created).toMatchObject({ resource_key: 'reports', built_in: false });
  expect((await resourceAttributes.get('reports', 'size')).id).toBe(created.id);
  expect((await resourceAttributes.getByKey('reports', 'size')).id).toBe(created.id);
  expect((await resourceAttributes.getById('reports', created.id)).key).toBe('size');
  expect((await resourceAttributes.update('reports', 'size', { description: 'bytes' })).description).toBe(
    'bytes',
  );
  expect(await resourceAttributes.list({ resourceKey: 'reports' })).toHaveLength(2);
  await resourceAttributes.delete('reports', 'size');
  expect((await resourceAttributes.create('__user', { key: 'age', type: 'number' })).resource_key).toBe(
    '__user',
  );
});

it('relations', async () => {
  const { resourceRelations } = permit.api;
  const created = await resourceRelations.create('folders', {
    key: 'parent',
    name: 'Parent',
    subject_resource: 'folders',
  });
  expect(created).toMatchObject({ object_resource: 'folders', subject_resource: 'folders' });
  expect((await resourceRelations.get('folders', 'parent')).id).toBe(created.id);
  expect((await resourceRelations.getByKey('folders', 'parent')).id).toBe(created.id);
  expect((await resourceRelations.getById('folders', created.id)).key).toBe('parent');
  const list: unknown = await resourceRelations.list({ resourceKey: 'folders' });
  expect(JSON.stringify(list)).toContain(created.id);
  await permit.api.relationshipTuples.create({
    subject: 'folders:a',
    relation: 'parent',
    object: 'folders:b',
    tenant: 'default',
  });
  await resourceRelations.delete('folders', 'parent');
  expect(await permit.api.relationshipTuples.list({ object: 'folders:b' })).toEqual([]);
});

it('resource roles, their permissions and derivations', async () => {
  const { resourceRoles } = permit.api;
  const created = await resourceRoles.create('reports', {
    key: 'auditor',
    name: 'Auditor',
    permissions: ['view'],
  });
  expect(created).toMatchObject({ resource: 'reports', permissions: ['reports:view'] });
  expect((await resourceRoles.get('reports', 'auditor')).id).toBe(created.id);
  expect((await resourceRoles.getByKey('reports', 'auditor')).id).toBe(created.id);
  expect((await resourceRoles.getById('reports', created.id)).key).toBe('auditor');
  expect((await resourceRoles.update('reports', 'auditor', { name: 'Reviewer' })).name).toBe('Reviewer');
  const more = await resourceRoles.assignPermissions('reports', 'auditor', ['edit', 'reports:delete']);
  expect(more.permissions).toEqual(['reports:view', 'reports:edit', 'reports:delete']);
  const fewer = await resourceRoles.removePermissions('reports', 'auditor', ['edit', 'delete']);
  expect(fewer.permissions).toEqual(['reports:view']);
  expect(await resourceRoles.list({ resourceKey: 'reports' })).toHaveLength(3);

  const rule = { role: 'keeper', on_resource: 'folders', linked_by_relation: 'parent' };
  const derived = await resourceRoles.createRoleDerivation('reports', 'auditor', rule);
  expect(derived).toMatchObject({ ...rule, when: { no_direct_roles_on_object: false } });
  const settings = { no_direct_roles_on_object: true };
  expect(await resourceRoles.updateRoleDerivationConditions('reports', 'auditor', settings)).toEqual(
    settings,
  );
  expect((await resourceRoles.get('reports', 'auditor')).granted_to).toMatchObject({
    when: settings,
    users_with_role: [rule],
  });
  await resourceRoles.deleteRoleDerivation('reports', 'auditor', rule);
  expect((await refusalOf(resourceRoles.deleteRoleDerivation('reports', 'auditor', rule))).status).toBe(404);
  await resourceRoles.delete('reports', 'auditor');
  expect((await refusalOf(resourceRoles.get('reports', 'auditor'))).status).toBe(404);
});

it('condition sets: create, read, change, delete with their rules', async () => {
  const { conditionSets, conditionSetRules } = permit.api;
  const wrong = { key: 'adults', name: 'Adults', conditions: { 'user.height': { 'greater-than': 1 } } };
  expect(await refusalOf(conditionSets.create(wrong))).toEqual({
    status: 400,
    code: 'MISSING_RESOURCE_ATTRIBUTE',
  });
  const malformed = { ...wrong, conditions: { all_of: [] } };
  expect(await refusalOf(conditionSets.create(malformed))).toEqual({ status: 400, code: 'INVALID_INPUT' });

  const conditions = { allOf: [{ 'user.department': { equals: 'legal' } }] };
  const created = await conditionSets.create({ key: 'legal', name: 'Legal', conditions });
  expect(created).toMatchObject({ type: 'userset', autogenerated: false, conditions });
  expect((await conditionSets.get('legal')).id).toBe(created.id);
  expect((await conditionSets.getByKey('legal')).id).toBe(created.id);
  expect((await conditionSets.getById(created.id)).key).toBe('legal');
  expect((await conditionSets.update('legal', { name: 'Lawyers' })).name).toBe('Lawyers');
  expect(await conditionSets.list()).toHaveLength(3);

  const rule = { user_set: 'legal', permission: 'reports:view', resource_set: 'reports', is_resource: true };
  const made = await conditionSetRules.create(rule);
  expect(made.resource_set).toBe('__autogen_reports');
  await conditionSets.delete('legal');
  expect(JSON.stringify(world.emulator.state())).not.toContain('"user_set":"legal"');
});

it('left no operation of these groups out, and kept to the document', () => {
  const groups = [
    'resources',
    'roles',
    'resourceActions',
    'actionGroups',
    'resourceAttributes',
    'resourceRelations',
    'resourceRoles',
    'conditionSets',
  ];
  expect(world.operations(groups).length).toBe(63);
  expect(world.notCalled(groups)).toEqual([]);
  if (!world.conformance) return;
  expect(world.conformance.violations()).toEqual([]);
  expect(world.conformance.checked()).toBeGreaterThan(70);
});
