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

it('users: create, read, replace, change, list, delete', async () => {
  const created = await permit.api.users.create({
    key: 'auth0|ann',
    email: 'ann@example.com',
    first_name: 'Ann',
    attributes: { age: 30 },
    role_assignments: [{ role: 'editor', tenant: 'default' }],
  });
  expect(created).toMatchObject({ key: 'auth0|ann', roles: [{ role: 'editor', tenant: 'default' }] });
  expect(await refusalOf(permit.api.users.create({ key: 'auth0|ann' }))).toEqual({
    status: 409,
    code: 'DUPLICATE_ENTITY',
  });

  for (const read of [permit.api.users.get, permit.api.users.getByKey]) {
    expect((await read.call(permit.api.users, 'auth0|ann')).id).toBe(created.id);
  }
  expect((await permit.api.users.getById(created.id)).key).toBe('auth0|ann');
  expect(await refusalOf(permit.api.users.get('nobody'))).toEqual({ status: 404, code: 'NOT_FOUND' });

  const synced = await permit.api.users.sync({ key: 'auth0|ann', last_name: 'Archer' });
  expect(synced.created).toBe(false);
  // Omitted members are reset, roles are kept.
  expect(synced.user).toMatchObject({ first_name: null, email: null, last_name: 'Archer' });
  expect(synced.user.roles).toEqual([{ role: 'editor', tenant: 'default' }]);
  expect((await permit.api.users.sync({ key: 'new-one' })).created).toBe(true);

  const updated = await permit.api.users.update('auth0|ann', { attributes: { team: 'x' } });
  expect(updated).toMatchObject({ last_name: 'Archer', attributes: { team: 'x' } });

  const page = await permit.api.users.list({ search: 'auth0', page: 1, perPage: 5 });
  expect(page).toMatchObject({ total_count: 1, page_count: 1 });
  await permit.api.users.delete('auth0|ann');
  expect((await refusalOf(permit.api.users.delete('auth0|ann'))).status).toBe(404);
  expect(await permit.api.roleAssignments.list({ user: 'auth0|ann' })).toEqual([]);
});

it('users in bulk: create, replace, delete, all or none', async () => {
  const users = ['b1', 'b2', 'b3'].map((key) => ({ key, email: `${key}@example.com` }));
  await permit.api.users.bulkUserCreate(users);
  expect((await refusalOf(permit.api.users.bulkUserCreate([{ key: 'b4' }, { key: 'b1' }]))).status).toBe(409);
  expect((await refusalOf(permit.api.users.get('b4'))).status).toBe(404);

  await permit.api.users.bulkUserReplace([{ key: 'b1', first_name: 'Bea' }, { key: 'b5' }]);
  expect(await permit.api.users.get('b1')).toMatchObject({ first_name: 'Bea', email: null });
  await permit.api.users.bulkUserDelete(['b1', 'b2', 'b3', 'b5']);
  expect((await permit.api.users.list({ search: 'b1' })).total_count).toBe(0);
});

it('tenants: create, read, change, members, delete with everything in them', async () => {
  const created = await permit.api.tenants.create({ key: 'umbrella', name: 'Umbrella' });
  // Not given is null, not an empty object.
  expect(created.attributes).toBeNull();
  expect((await refusalOf(permit.api.tenants.create({ key: 'umbrella', name: 'Again' }))).status).toBe(409);
  expect((await permit.api.tenants.get('umbrella')).id).toBe(created.id);
  expect((await permit.api.tenants.getByKey('umbrella')).id).toBe(created.id);
  expect((await permit.api.tenants.getById(created.id)).key).toBe('umbrella');
  expect((await permit.api.tenants.update('umbrella', { name: 'Umbrella Corp.' })).name).toBe(
    'Umbrella Corp.',
  );
  expect((await permit.api.tenants.list({ search: 'umbr' })).map(({ key }) => key)).toEqual(['umbrella']);

  await permit.api.users.sync({ key: 'uma' });
  await permit.api.users.assignRole({ user: 'uma', role: 'viewer', tenant: 'umbrella' });
  const members = () => permit.api.tenants.listTenantUsers({ tenantKey: 'umbrella' });
  expect((await members()).data.map(({ key }) => key)).toEqual(['uma']);
  await permit.api.tenants.deleteTenantUser('umbrella', 'uma');
  // The roles are gone, the association stays.
  const [uma] = (await members()).data;
  expect(uma?.associated_tenants).toEqual([
    { tenant: 'umbrella', roles: [], status: 'active', resource_instance_roles: [] },
  ]);
  expect(await permit.check('uma', 'view', { type: 'reports', tenant: 'umbrella' })).toBe(false);

  await permit.api.resourceInstances.create({ resource: 'reports', key: 'u1', tenant: 'umbrella' });
  await permit.api.tenants.delete('umbrella');
  expect((await refusalOf(permit.api.resourceInstances.get('reports:u1'))).status).toBe(404);
});

it('role assignments: assign, list every way, unassign, in bulk', async () => {
  await permit.api.users.bulkUserCreate([{ key: 'r1' }, { key: 'r2' }]);
  const assigned = await permit.api.roleAssignments.assign({ user: 'r1', role: 'admin', tenant: 'default' });
  expect(assigned).toMatchObject({ user: 'r1', role: 'admin', tenant: 'default', resource_instance: null });
  const again = permit.api.roleAssignments.assign({ user: 'r1', role: 'admin', tenant: 'default' });
  expect((await refusalOf(again)).status).toBe(409);
  for (const wrong of [
    { user: 'nobody', role: 'admin', tenant: 'default' },
    { user: 'r1', role: 'no-role', tenant: 'default' },
    { user: 'r1', role: 'admin', tenant: 'no-tenant' },
  ]) {
    expect((await refusalOf(permit.api.roleAssignments.assign(wrong))).status).toBe(404);
  }

  expect(await permit.api.users.getAssignedRoles({ user: 'r1' })).toHaveLength(1);
  const total = await permit.api.roleAssignments.list({ user: 'r1', includeTotalCount: true });
  expect(total).toMatchObject({ total_count: 1, page_count: 1 });
  const [detailed] = await permit.api.roleAssignments.list({ user: 'r1', detailed: true });
  expect(detailed).toMatchObject({ role: { key: 'admin' }, tenant: { key: 'default' } });
  expect(await permit.api.roleAssignments.list({ role: 'admin', tenant: 'default' })).toHaveLength(2);

  await permit.api.users.unassignRole({ user: 'r1', role: 'admin', tenant: 'default' });
  const missing = permit.api.roleAssignments.unassign({ user: 'r1', role: 'admin', tenant: 'default' });
  expect((await refusalOf(missing)).status).toBe(404);

  const many = [
    { user: 'r1', role: 'viewer', tenant: 'default' },
    { user: 'r2', role: 'viewer', tenant: 'default' },
  ];
  expect(await permit.api.roleAssignments.bulkAssign(many)).toEqual({ assignments_created: 2 });
  expect(await permit.api.roleAssignments.bulkAssign(many)).toEqual({ assignments_created: 0 });
  expect(await permit.api.roleAssignments.bulkUnassign(many)).toEqual({ assignments_removed: 2 });
});

it('resource instances: create, read by key and id, change, implicit, delete', async () => {
  const created = await permit.api.resourceInstances.create({
    resource: 'reports',
    key: 'i1',
    tenant: 'default',
    attributes: { private: true },
  });
  expect((await permit.api.resourceInstances.get('reports:i1')).id).toBe(created.id);
  expect((await permit.api.resourceInstances.getByKey('reports:i1')).key).toBe('i1');
  expect((await permit.api.resourceInstances.getById(created.id)).resource).toBe('reports');
  const updated = await permit.api.resourceInstances.update('reports:i1', { attributes: { private: false } });
  expect(updated.attributes).toEqual({ private: false });

  await permit.api.users.sync({ key: 'owen' });
  const implicit = { user: 'owen', role: 'owner', resource_instance: 'reports:i2' };
  expect((await refusalOf(permit.api.roleAssignments.assign(implicit))).status).toBe(404);
  await permit.api.roleAssignments.assign({ ...implicit, tenant: 'default' });
  const listed = await permit.api.resourceInstances.list({ resource: 'reports', tenant: 'default' });
  expect(listed.map(({ key }) => key)).toEqual(['i1', 'i2']);
  expect(await permit.check('owen', 'delete', 'reports:i2')).toBe(true);

  const elsewhere = permit.api.roleAssignments.assign({
    ...implicit,
    role: 'reader',
    tenant: 'acme00000000',
  });
  expect(await refusalOf(elsewhere)).toEqual({ status: 400, code: 'MISMATCH_RESOURCE_INSTANCES_TENANTS' });
  await permit.api.resourceInstances.delete('reports:i2');
  expect(await permit.check('owen', 'delete', 'reports:i2')).toBe(false);
});

it('relationship tuples: create with implicit instances, list, delete, in bulk', async () => {
  const tuple = { subject: 'folders:f1', relation: 'parent', object: 'reports:t1' };
  expect((await refusalOf(permit.api.relationshipTuples.create(tuple))).status).toBe(404);
  const created = await permit.api.relationshipTuples.create({ ...tuple, tenant: 'default' });
  expect(created).toMatchObject({ ...tuple, tenant: 'default' });
  const twice = permit.api.relationshipTuples.create({ ...tuple, tenant: 'default' });
  expect((await refusalOf(twice)).status).toBe(409);
  const wrongWay = { subject: 'reports:t1', relation: 'parent', object: 'reports:t1' };
  expect(await refusalOf(permit.api.relationshipTuples.create(wrongWay))).toEqual({
    status: 400,
    code: 'MISMATCH_RELATION_TYPE',
  });

  await permit.api.users.sync({ key: 'kim' });
  await permit.api.roleAssignments.assign({ user: 'kim', role: 'keeper', resource_instance: 'folders:f1' });
  expect(await permit.check('kim', 'view', 'reports:t1')).toBe(true);
  expect(
    await permit.api.relationshipTuples.list({ objectType: 'reports', subject: 'folders:f1' }),
  ).toHaveLength(1);
  await permit.api.relationshipTuples.delete(tuple);
  expect((await refusalOf(permit.api.relationshipTuples.delete(tuple))).status).toBe(404);
  expect(await permit.check('kim', 'view', 'reports:t1')).toBe(false);

  const many = ['t2', 't3'].map((key) => ({ ...tuple, object: `reports:${key}`, tenant: 'default' }));
  await permit.api.relationshipTuples.bulkRelationshipTuples(many);
  expect(await permit.check('kim', 'view', 'reports:t3')).toBe(true);
  await permit.api.relationshipTuples.bulkUnRelationshipTuples(
    many.map(({ subject, relation, object }) => ({ subject, relation, object })),
  );
  expect(await permit.api.relationshipTuples.list({ subject: 'folders:f1' })).toEqual([]);
});

it('condition set rules: grant, list, withdraw', async () => {
  const rule = { user_set: 'finance', permission: 'reports:delete', resource_set: 'open_reports' };
  const ask = () =>
    permit.check({ key: 'anyone', attributes: { department: 'finance' } }, 'delete', {
      type: 'reports',
      tenant: 'default',
      attributes: { private: false },
    });
  expect(await ask()).toBe(false);
  expect(await permit.api.conditionSetRules.create(rule)).toMatchObject(rule);
  expect(await ask()).toBe(true);
  const filter = { userSetKey: 'finance', permissionKey: 'delete', resourceSetKey: 'open_reports' };
  expect(await permit.api.conditionSetRules.list(filter)).toHaveLength(1);
  await permit.api.conditionSetRules.delete(rule);
  expect(await permit.api.conditionSetRules.list(filter)).toEqual([]);
  expect(await ask()).toBe(false);
  // What is not granted is skipped; what does not exist is not.
  await permit.api.conditionSetRules.delete(rule);
  const nowhere = { ...rule, user_set: 'nowhere' };
  expect((await refusalOf(permit.api.conditionSetRules.delete(nowhere))).status).toBe(404);
});

it('left no operation of these groups out, and kept to the document', () => {
  const groups = [
    'users',
    'tenants',
    'roleAssignments',
    'resourceInstances',
    'relationshipTuples',
    'conditionSetRules',
  ];
  expect(world.operations(groups).length).toBe(43);
  expect(world.notCalled(groups)).toEqual([]);
  if (!world.conformance) return;
  expect(world.conformance.violations()).toEqual([]);
  expect(world.conformance.checked()).toBeGreaterThan(50);
});
