import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { openPermitCaller, type PermitCaller } from '../../support/permit-caller.ts';

const HERE = '__tenant:default';
const THERE = '__tenant:acme00000000';
const FILE = 'reports:r1';
const FOLDER = 'folders:f1';

let permit: PermitCaller;
beforeAll(async () => {
  permit = await openPermitCaller();
  await permit.call('POST', 'facts/users', {
    key: 'zoe',
    attributes: { department: 'finance' },
    role_assignments: [
      { role: 'viewer', tenant: 'default' },
      { role: 'viewer', tenant: 'acme00000000' },
      { role: 'reader', tenant: 'default', resource_instance: FILE },
      { role: 'keeper', tenant: 'acme00000000', resource_instance: FOLDER },
    ],
  });
  const open = { key: 'open', resource: 'reports', tenant: 'acme00000000', attributes: { private: false } };
  await permit.call('POST', 'facts/resource_instances', open);
});
afterAll(() => permit.close());

const ask = async (filters: object, key = 'zoe') =>
  (await permit.call('POST', '/user-permissions', { user: { key }, ...filters })).body;

describe('filters', () => {
  it.each<[string, object, string[]]>([
    ['nothing', {}, [HERE, THERE, FILE, FOLDER]],
    ['tenants, with their objects', { tenants: ['default'] }, [HERE, FILE]],
    ['objects, without tenants', { resources: [FILE] }, [FILE]],
    ['objects by their bare key', { resources: ['f1'] }, [FOLDER]],
    ['objects and a tenant among them', { resources: [FILE, THERE] }, [THERE, FILE]],
    ['a tenant among the resources, which narrows no objects', { resources: [THERE] }, [THERE, FILE, FOLDER]],
    ['no resource, which narrows no objects', { resources: [] }, [FILE, FOLDER]],
    [
      'a tenant, and another among the resources',
      { tenants: ['default'], resources: [THERE] },
      [HERE, THERE, FILE],
    ],
    ['types', { resource_types: ['reports'] }, [FILE]],
    ['types, with tenants', { resource_types: ['__tenant', 'folders'] }, [HERE, THERE, FOLDER]],
    ['types within a tenant', { resource_types: ['reports'], tenants: ['acme00000000'] }, []],
  ])('%s', async (_name, filters, names) => {
    expect(Object.keys(await ask(filters)).sort()).toEqual([...names].sort());
  });
});

describe('condition sets', () => {
  const types = { resource_types: ['reports'] };
  const enabled = { context: { enable_abac_user_permissions: true } };

  it('allow on stored instances, wherever they are', async () => {
    const answer = await ask({ ...types, ...enabled });
    expect(answer['reports:open']).toEqual({
      tenant: { key: 'acme00000000', attributes: {} },
      permissions: ['reports:edit'],
      roles: [],
    });
    expect(answer[FILE].permissions).toEqual(['reports:view']);
  });

  it('allow in tenants, also when types name none', async () => {
    const rule = {
      user_set: 'finance',
      permission: 'reports:create',
      resource_set: 'reports',
      is_resource: true,
    };
    await permit.call('POST', 'facts/set_rules', rule);
    const answer = await ask({ ...types, ...enabled });
    expect(answer[THERE]).toMatchObject({ permissions: ['reports:create'], roles: [] });
    expect(answer[FILE].permissions).toEqual(['reports:view', 'reports:create']);
    const both = await ask({ resource_types: ['__tenant', 'reports'], ...enabled });
    expect(both[THERE]).toMatchObject({ permissions: ['reports:view', 'reports:create'], roles: ['viewer'] });
    await permit.call('DELETE', 'facts/set_rules', rule);
  });

  it('are asked only when that is enabled, and allow nothing to others', async () => {
    expect(Object.keys(await ask(types))).toEqual([FILE]);
    expect(Object.keys(await ask(enabled))).not.toContain('reports:open');
    expect(await ask({ ...types, ...enabled }, 'carol0000000')).toEqual({});
  });
});
