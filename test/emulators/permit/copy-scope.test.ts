import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { openPermitCaller, type PermitCaller } from '../../support/permit-caller.ts';

let permit: PermitCaller;
beforeEach(async () => {
  permit = await openPermitCaller();
  const made = async (path: string, body: unknown) =>
    expect((await permit.call('POST', path, body)).status).toBe(200);
  await made('schema/roles', { key: 'extended', name: 'Extended', extends: ['viewer'] });
  await made('schema/condition_sets', { key: 'above', name: 'Above', conditions: {} });
  await made('schema/condition_sets', { key: 'below', name: 'Below', conditions: {}, parent_id: 'above' });
  await made('facts/set_rules', {
    user_set: 'viewer',
    is_role: true,
    permission: 'reports:delete',
    resource_set: 'reports',
    is_resource: true,
  });
});
afterEach(() => permit.close());

const key = 'permit_key_organization';
const there = async (path: string) =>
  (await permit.call('GET', `/v2/${path.replace('/', '/default/two/')}`, undefined, { key })).body;
const copy = (scope?: object, target_env: object = { new: { key: 'two', name: 'Two' } }) =>
  permit.call('POST', '/v2/projects/default/envs/dev/copy', { target_env, scope }, { key });
const keysOf = (rows: { key: string }[]) => rows.map((row) => row.key);

it('a part of an environment names nothing that stayed behind', async () => {
  const copied = await copy({
    resources: { include: ['reports'] },
    roles: { include: ['extended', 'admin'] },
    user_sets: { include: ['below'] },
  });
  expect(copied.status).toBe(201);
  const reports = await there('schema/resources/reports');
  expect(reports.relations).toEqual({});
  expect(reports.roles.reader.granted_to.users_with_role).toEqual([]);
  expect((await there('schema/roles/extended')).extends).toEqual([]);
  expect((await there('schema/roles/admin')).permissions).toEqual([
    'reports:view',
    'reports:create',
    'reports:edit',
    'reports:delete',
  ]);
  expect((await there('schema/condition_sets/below')).parent_id).toBe(null);
  expect(await there('facts/set_rules')).toEqual([]);
});

it('a resource set stays with its resource', async () => {
  await copy({ resources: { include: ['folders'] } });
  const sets = await there('schema/condition_sets?type=resourceset');
  expect(sets).toEqual([]);
});

it('a whole environment keeps what names what', async () => {
  expect((await copy()).status).toBe(201);
  const reports = await there('schema/resources/reports');
  expect(reports.relations.parent.resource).toBe('folders');
  expect(reports.roles.reader.granted_to.users_with_role).toHaveLength(1);
  expect((await there('schema/roles/extended')).extends).toEqual(['viewer']);
  const [above, below] = [
    await there('schema/condition_sets/above'),
    await there('schema/condition_sets/below'),
  ];
  expect(below.parent_id).toBe(above.id);
  expect(keysOf(await there('schema/condition_sets?type=resourceset'))).toEqual(['open_reports']);
  expect(await there('facts/set_rules')).toHaveLength(2);
});

it('what the target has already can be named', async () => {
  await copy({ resources: { include: ['folders'] }, roles: { include: ['viewer'] } });
  const rest = {
    resources: { include: ['reports'] },
    roles: { include: ['extended'] },
    user_sets: { exclude: ['*'] },
    resource_sets: { exclude: ['*'] },
  };
  expect((await copy(rest, { existing: 'two' })).status).toBe(201);
  const reports = await there('schema/resources/reports');
  expect(reports.relations.parent.resource).toBe('folders');
  expect((await there('schema/roles/extended')).extends).toEqual(['viewer']);
});
