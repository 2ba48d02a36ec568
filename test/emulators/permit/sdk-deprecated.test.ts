import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { Permit } from 'permitio';
import { openSdkWorld, type SdkWorld } from '../../support/permit-sdk.ts';

let world: SdkWorld;
let api: Permit['api'];
beforeAll(async () => {
  world = await openSdkWorld();
  api = world.permit.api;
});
afterAll(async () => {
  await world.close();
});

it('drives every flat method of the SDK', async () => {
  await api.createTenant({ key: 'flat', name: 'Flat' });
  await api.updateTenant('flat', { name: 'Flatter' });
  expect((await api.getTenant('flat')).name).toBe('Flatter');
  expect((await api.listTenants()).map(({ key }) => key)).toContain('flat');

  await api.createUser({ key: 'fay' });
  await api.updateUser('fay', { first_name: 'Fay' });
  expect((await api.getUser('fay')).first_name).toBe('Fay');
  await api.syncUser({ key: 'fay', email: 'fay@example.com' });
  expect((await api.listUsers()).map(({ key }) => key)).toContain('fay');

  await api.createResource({ key: 'flats', name: 'Flats', actions: { enter: {} } });
  await api.updateResource('flats', { name: 'Flats!' });
  await api.createRole({ key: 'tenant', name: 'Tenant', permissions: ['flats:enter'] });
  await api.updateRole('tenant', { name: 'Renter' });
  expect((await api.getRole('tenant')).name).toBe('Renter');
  expect((await api.listRoles()).map(({ key }) => key)).toContain('tenant');

  await api.assignRole({ user: 'fay', role: 'tenant', tenant: 'flat' });
  expect(await api.getAssignedRoles('fay', 'flat')).toHaveLength(1);
  expect(await world.permit.check('fay', 'enter', { type: 'flats', tenant: 'flat' })).toBe(true);
  await api.unassignRole({ user: 'fay', role: 'tenant', tenant: 'flat' });

  await api.createConditionSet({ key: 'fays', name: 'Fays', conditions: { 'user.key': { equals: 'fay' } } });
  await api.updateConditionSet('fays', { description: 'those called fay' });
  const rule = { user_set: 'fays', permission: 'flats:enter', resource_set: 'flats', is_resource: true };
  await api.assignConditionSetRule(rule);
  expect(await world.permit.check('fay', 'enter', { type: 'flats', tenant: 'flat' })).toBe(true);
  expect(await api.listConditionSets('userset', 1, 10)).toHaveLength(2);
  expect(await api.listConditionSetsRules(1, 10)).toHaveLength(2);
  await api.unassignConditionSetRule(rule);

  await api.deleteConditionSet('fays');
  await api.deleteRole('tenant');
  await api.deleteResource('flats');
  await api.deleteUser('fay');
  await api.deleteTenant('flat');
  expect(world.operations(['']).length).toBe(29);
  expect(world.notCalled([''])).toEqual([]);
  if (world.conformance) expect(world.conformance.violations()).toEqual([]);
});
