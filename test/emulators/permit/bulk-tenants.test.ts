import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { openPermitCaller, type PermitCaller } from '../../support/permit-caller.ts';

let permit: PermitCaller;
beforeEach(async () => {
  permit = await openPermitCaller();
});
afterEach(() => permit.close());

const HERE = 'acme00000000';
const THERE = 'globex000000';
const mismatch = { status: 400, body: { error_code: 'MISMATCH_RESOURCE_INSTANCES_TENANTS' } };
const resource_instance = 'reports:new';
const grants = (second: string) => [
  { user: 'carol0000000', role: 'reader', tenant: HERE, resource_instance },
  { user: 'erin00000000', role: 'reader', tenant: second, resource_instance },
];
const instances = async () =>
  (await permit.call('GET', 'facts/resource_instances')).body as { key: string }[];

/** Each call makes `reports:new` with its first item and needs it with its second. */
describe.each<[string, string, string, (second: string) => unknown]>([
  ['assignments', 'POST', 'facts/role_assignments/bulk', grants],
  [
    'tuples',
    'POST',
    'facts/relationship_tuples/bulk',
    (second) => ({
      operations: [
        { subject: 'folders:one', relation: 'parent', object: resource_instance, tenant: HERE },
        { subject: 'folders:two', relation: 'parent', object: resource_instance, tenant: second },
      ],
    }),
  ],
  [
    'instances',
    'PUT',
    'facts/bulk/resource_instances',
    (second) => ({
      operations: [
        { key: 'new', resource: 'reports', tenant: HERE },
        { key: 'new', resource: 'reports', tenant: second },
      ],
    }),
  ],
  [
    'users with roles',
    'POST',
    'facts/bulk/users',
    (second) => ({
      operations: grants(second).map(({ user, ...role }) => ({
        key: `new-${user}`,
        role_assignments: [role],
      })),
    }),
  ],
  [
    'one user with roles',
    'PUT',
    'facts/users/new',
    (second) => ({
      key: 'new',
      role_assignments: grants(second).map(({ user: _, ...role }) => role),
    }),
  ],
])('%s in one call', (_name, method, path, bodyOf) => {
  it('cannot put one instance into two tenants', async () => {
    expect(await permit.call(method, path, bodyOf(THERE))).toMatchObject(mismatch);
    expect(await instances()).toEqual([]);
  });

  it('may share what the first of them makes', async () => {
    expect((await permit.call(method, path, bodyOf(HERE))).status).toBeLessThan(300);
    const made = (await instances()).filter(({ key }) => key === 'new');
    expect(made).toEqual([expect.objectContaining({ key: 'new', resource: 'reports', tenant: HERE })]);
  });
});

it('an instance named by the id of its type lives in its own tenant', async () => {
  const body = { key: 'old', resource: 'reports', tenant: HERE };
  await permit.call('POST', 'facts/resource_instances', body);
  const { id } = (await permit.call('GET', 'schema/resources/reports')).body;
  const grant = (tenant: string) => ({
    user: 'erin00000000',
    role: 'reader',
    tenant,
    resource_instance: `${id}:old`,
  });
  expect(await permit.call('POST', 'facts/role_assignments', grant(THERE))).toMatchObject(mismatch);
  const granted = await permit.call('POST', 'facts/role_assignments', grant(HERE));
  expect(granted).toMatchObject({ status: 200, body: { tenant: HERE, resource_instance: 'reports:old' } });
  expect((await permit.call('DELETE', 'facts/role_assignments', grant(HERE))).status).toBe(204);
});
