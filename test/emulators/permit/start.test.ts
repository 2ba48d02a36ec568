import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Permit } from 'permitio';
import {
  type PermitEmulator,
  startPermitEmulator,
} from '../../../src/emulators/permit/start-permit-emulator.ts';
import { emptySeed } from '../../../src/emulators/seed.ts';
import { examplePolicy } from '../../support/permit-policy.ts';

describe('a started emulator', () => {
  let emulator: PermitEmulator;
  let permit: Permit;
  beforeAll(async () => {
    emulator = await startPermitEmulator({ policy: examplePolicy });
    permit = new Permit({ token: emulator.keys.environment, apiUrl: emulator.url, pdp: emulator.url });
  });
  afterAll(() => emulator.close());

  it.each([
    ['alice0000000', 'delete', 'default', true],
    ['bob000000000', 'edit', 'default', true],
    ['bob000000000', 'delete', 'default', false],
    ['carol0000000', 'view', 'acme00000000', true],
    ['carol0000000', 'edit', 'acme00000000', false],
    ['dave00000000', 'view', 'acme00000000', false],
    ['erin00000000', 'delete', 'globex000000', true],
    ['erin00000000', 'view', 'default', false],
    ['mallory00000', 'view', 'default', false],
    ['m2m|reporter000000000000a', 'view', 'default', true],
    ['nobody', 'view', 'default', false],
  ])('knows the demo people: %s may %s in %s: %s', async (user, action, tenant, expected) => {
    expect(await permit.check(user, action, { type: 'reports', tenant })).toBe(expected);
  });

  it('goes back to its seed, and its keys live on', async () => {
    await permit.api.users.sync({ key: 'newcomer' });
    await permit.api.roleAssignments.assign({ user: 'newcomer', role: 'viewer', tenant: 'default' });
    expect(await permit.check('newcomer', 'view', 'reports')).toBe(true);

    await emulator.reset();
    expect(await permit.check('newcomer', 'view', 'reports')).toBe(false);
    expect(await permit.check('alice0000000', 'view', 'reports')).toBe(true);
  });
});

it('with an empty seed there is the tenant default and nobody', async () => {
  const emulator = await startPermitEmulator({ seed: emptySeed, policy: examplePolicy });
  const permit = new Permit({ token: emulator.keys.environment, apiUrl: emulator.url, pdp: emulator.url });
  expect((await permit.api.tenants.list()).map((tenant) => tenant.key)).toEqual(['default']);
  expect((await permit.api.users.list()).data).toEqual([]);
  expect((await permit.api.roles.list()).map((role) => role.key)).toEqual(['admin', 'editor', 'viewer']);
  await emulator.close();
});
