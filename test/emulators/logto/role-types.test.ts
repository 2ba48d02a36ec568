import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type LogtoEmulator, startLogtoEmulator } from '../../../src/emulators/logto/emulator.ts';
import { createManagementCaller, type ManagementCaller } from '../../support/logto-management-caller.ts';

type Role = { id: string; name: string; type: string };
const acme = '/api/organizations/acme00000000';
const [user, machine] = ['erin00000000', 'reporter000000000000a'];
let logto: LogtoEmulator;
let call: ManagementCaller;
beforeAll(async () => {
  logto = await startLogtoEmulator();
});
beforeEach(async () => {
  await logto.reset();
  call = await createManagementCaller(logto);
});
afterAll(() => logto.close());

const roleOf = async (type: string): Promise<string> =>
  ((await call('GET', '/api/roles')).body as Role[]).find((role) => role.type === type)?.id ?? '';

describe('a global role', () => {
  it.each([
    ['users', 'userIds', user, 'MachineToMachine', 'user.invalid_role_type'],
    ['applications', 'applicationIds', machine, 'User', 'application.invalid_role_type'],
  ])(
    'of the other kind is not given to %s from the role’s side either',
    async (kind, key, id, type, code) => {
      const wrong = await roleOf(type);
      const refused = await call('POST', `/api/roles/${wrong}/${kind}`, { [key]: [id] });
      expect([refused.status, refused.body.code]).toEqual([422, code]);
      expect((await call('GET', `/api/roles/${wrong}/${kind}`)).body).not.toContainEqual(
        expect.objectContaining({ id }),
      );
      const right = await roleOf(type === 'User' ? 'MachineToMachine' : 'User');
      expect((await call('POST', `/api/roles/${right}/${kind}`, { [key]: [id] })).status).toBe(201);
    },
  );
});

describe('an organization role', () => {
  const made = async (type: string): Promise<string> =>
    (await call('POST', '/api/organization-roles', { name: `a ${type}`, type })).body.id;

  it.each([
    ['users', 'userIds', user, 'MachineToMachine', 'user.invalid_role_type'],
    ['applications', 'applicationIds', machine, 'User', 'application.invalid_role_type'],
  ])('of the other kind is not given to %s, by any of the calls', async (kind, key, id, type, code) => {
    await call('POST', `${acme}/${kind}`, { [key]: [id] });
    const organizationRoleIds = [await made(type)];
    const rolesOf = `${acme}/${kind}/${id}/roles`;
    for (const [method, path, body] of [
      ['POST', `${acme}/${kind}/roles`, { [key]: [id], organizationRoleIds }],
      ['POST', rolesOf, { organizationRoleIds }],
      ['PUT', rolesOf, { organizationRoleIds }],
    ] as const) {
      const refused = await call(method, path, body);
      expect([refused.status, refused.body.code]).toEqual([422, code]);
    }
    expect((await call('GET', rolesOf)).body).toEqual([]);
    const right = [await made(type === 'User' ? 'MachineToMachine' : 'User')];
    await call('PUT', rolesOf, { organizationRoleIds: right });
    expect((await call('GET', rolesOf)).body).toMatchObject([{ id: right[0] }]);
  });
});
