import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { openPermitCaller, type PermitCaller } from '../../support/permit-caller.ts';

let permit: PermitCaller;
beforeEach(async () => {
  permit = await openPermitCaller();
  await permit.call('POST', 'facts/users', { key: 'pat', attributes: { department: 'finance', floor: 2 } });
  const attributes = { private: false, size: 1 };
  const instance = { key: 'r1', resource: 'reports', tenant: 'default', attributes };
  await permit.call('POST', 'facts/resource_instances', instance);
});
afterEach(() => permit.close());

const mayEdit = () => permit.allowed('pat', 'edit', { type: 'reports', key: 'r1', tenant: 'default' });
const attributesOf = async (path: string) => (await permit.call('GET', path)).body.attributes;

it.each<[string, () => Promise<unknown>, object, object]>([
  [
    'of users',
    () => permit.call('DELETE', 'schema/users/attributes/department'),
    { floor: 2 },
    { private: false, size: 1 },
  ],
  [
    'of a resource',
    () => permit.call('DELETE', 'schema/resources/reports/attributes/private'),
    { department: 'finance', floor: 2 },
    { size: 1 },
  ],
  [
    'left out of a resource',
    () => permit.call('PATCH', 'schema/resources/reports', { attributes: {} }),
    { department: 'finance', floor: 2 },
    { size: 1 },
  ],
])('an attribute %s decides no more once it is deleted', async (_name, remove, user, instance) => {
  expect(await mayEdit()).toBe(true);
  await remove();
  expect(await attributesOf('facts/users/pat')).toEqual(user);
  expect(await attributesOf('facts/resource_instances/reports:r1')).toEqual(instance);
  expect(await mayEdit()).toBe(false);
});

it('another attribute may go, and nothing else changes', async () => {
  await permit.call('POST', 'schema/users/attributes', { key: 'floor', type: 'number' });
  await permit.call('DELETE', 'schema/users/attributes/floor');
  expect(await attributesOf('facts/users/pat')).toEqual({ department: 'finance' });
  expect(await mayEdit()).toBe(true);
});

it('a set over a deleted attribute can be renamed, and takes no such conditions again', async () => {
  await permit.call('DELETE', 'schema/users/attributes/department');
  const path = 'schema/condition_sets/finance';
  const renamed = await permit.call('PATCH', path, { name: 'Money' });
  expect(renamed).toMatchObject({ status: 200, body: { name: 'Money' } });
  const again = await permit.call('PATCH', path, { conditions: renamed.body.conditions });
  expect(again).toMatchObject({ status: 400, body: { error_code: 'MISSING_RESOURCE_ATTRIBUTE' } });
});
