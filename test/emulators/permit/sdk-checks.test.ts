import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { PermitEmulator } from '../../../src/emulators/permit/start-permit-emulator.ts';
import { startPermitEmulator } from '../../../src/emulators/permit/start-permit-emulator.ts';
import { examplePolicy } from '../../support/permit-policy.ts';
import { openSdkWorld, refusalOf, type SdkWorld, sdkFor } from '../../support/permit-sdk.ts';

describe('checks', () => {
  let world: SdkWorld;
  beforeAll(async () => {
    world = await openSdkWorld();
  });
  afterAll(() => world.close());

  it('answers in every form that the SDK has', async () => {
    const { permit } = world;
    expect(await permit.check('alice0000000', 'delete', 'reports')).toBe(true);
    expect(
      await permit.check({ key: 'carol0000000' }, 'delete', { type: 'reports', tenant: 'default' }),
    ).toBe(false);
    const bulk = await permit.bulkCheck([
      { user: 'carol0000000', action: 'view', resource: 'reports' },
      { user: 'carol0000000', action: 'edit', resource: 'reports:r1' },
      { user: 'nobody', action: 'view', resource: 'reports' },
    ]);
    expect(bulk).toEqual([true, false, false]);
  });

  it('attributes passed in a check win over stored ones', async () => {
    const { permit } = world;
    await permit.api.users.sync({ key: 'fin', attributes: { department: 'sales' } });
    const report = { type: 'reports', tenant: 'default', attributes: { private: false } };
    expect(await permit.check('fin', 'edit', report)).toBe(false);
    const passed = { key: 'fin', attributes: { department: 'finance' } };
    expect(await permit.check(passed, 'edit', report)).toBe(true);
    expect(await permit.check(passed, 'edit', { ...report, attributes: { private: true } })).toBe(false);
  });

  it("tells a user's permissions by tenant and object, filtered as asked", async () => {
    const { permit } = world;
    await permit.api.users.sync({ key: 'pia' });
    await permit.api.roleAssignments.assign({ user: 'pia', role: 'viewer', tenant: 'default' });
    await permit.api.roleAssignments.assign({
      user: 'pia',
      role: 'reader',
      resource_instance: 'reports:p1',
      tenant: 'acme00000000',
    });
    const all = await permit.getUserPermissions('pia');
    expect(all).toMatchObject({
      '__tenant:default': { permissions: ['reports:view'], roles: ['viewer'], tenant: { key: 'default' } },
      // Associated by an object there, without a role of the tenant.
      '__tenant:acme00000000': { permissions: [], roles: [] },
      'reports:p1': {
        permissions: ['reports:view'],
        roles: ['reader'],
        resource: { type: 'reports', key: 'p1' },
      },
    });
    const keys = async (...filter: [string[]?, string[]?, string[]?]) =>
      Object.keys(await permit.getUserPermissions('pia', ...filter));
    expect(await keys(['default'])).toEqual(['__tenant:default']);
    expect(await keys(['acme00000000'])).toEqual(['__tenant:acme00000000', 'reports:p1']);
    expect(await keys(undefined, ['reports:p1'])).toEqual(['reports:p1']);
    expect(await keys(undefined, undefined, ['reports'])).toEqual(['reports:p1']);
    expect(await keys(undefined, undefined, ['__tenant'])).toEqual([
      '__tenant:default',
      '__tenant:acme00000000',
    ]);
    expect(await permit.getUserPermissions('nobody')).toEqual({});
  });

  it('refuses a foreign key, and the SDK throws rather than denies', async () => {
    const stranger = sdkFor(world.emulator, { token: 'wrong' });
    await expect(stranger.check('alice0000000', 'view', 'reports')).rejects.toThrow('status code 403');
  });

  it('survives many first calls at once', async () => {
    const fresh = sdkFor(world.emulator);
    const users = await Promise.all(
      Array.from({ length: 25 }, (_, i) => fresh.api.users.sync({ key: `parallel-${i}` })),
    );
    expect(new Set(users.map(({ user }) => user.id)).size).toBe(25);
    expect(users.every(({ created }) => created)).toBe(true);
  });

  it('refuses checkAllTenants, whose call carries no key', async () => {
    const call = world.permit.checkAllTenants('alice0000000', 'view', 'reports');
    expect((await refusalOf(call)).status).toBe(401);
  });
});

describe('with a decision point that learns later', () => {
  let emulator: PermitEmulator | undefined;
  afterEach(() => emulator?.close());
  const open = async (propagationDelayMs: number) => {
    emulator = await startPermitEmulator({ policy: examplePolicy, propagationDelayMs, pdpPort: 0 });
    return emulator;
  };
  const assignment = { user: 'dave00000000', role: 'editor', tenant: 'default' };
  const asked = ['dave00000000', 'edit', 'reports'] as const;

  it('a write through the API is not there yet, one through the facts proxy is', async () => {
    const started = await open(300);
    const direct = sdkFor(started);
    const proxied = sdkFor(started, { proxyFactsViaPdp: true });
    await direct.api.roleAssignments.assign(assignment);
    expect(await direct.check(...asked)).toBe(false);
    await proxied.api.roleAssignments.unassign(assignment);
    await proxied.api.roleAssignments.assign(assignment);
    expect(await direct.check(...asked)).toBe(true);
  });

  it('waits as long as it is told, and says so when that was not enough', async () => {
    const proxied = sdkFor(await open(60_000), { proxyFactsViaPdp: true });
    const startedAt = performance.now();
    await proxied.api.users.waitForSync(0).sync({ key: 'no-wait' });
    await proxied.api.users.waitForSync(0.05).sync({ key: 'ignored' });
    const late = proxied.api.users.waitForSync(0.05, 'fail').sync({ key: 'late' });
    expect((await refusalOf(late)).status).toBe(424);
    // It was written nevertheless.
    expect((await proxied.api.users.get('late')).key).toBe('late');
    expect(performance.now() - startedAt).toBeLessThan(5000);
  });

  it('waits longer than a timer can be set for', async () => {
    const proxied = sdkFor(await open(100), { proxyFactsViaPdp: true });
    expect((await proxied.api.users.waitForSync(3_000_000, 'fail').sync({ key: 'patient' })).created).toBe(
      true,
    );
    const late = proxied.api.users.waitForSync(0.01, 'fail').sync({ key: 'late' });
    expect((await refusalOf(late)).status).toBe(424);
  });

  it('waits without limit when asked to, and answers an unassignment with what it removed', async () => {
    const started = await open(200);
    const proxied = sdkFor(started, { proxyFactsViaPdp: true });
    await proxied.api.roleAssignments.waitForSync(null).assign(assignment);
    expect(await proxied.check(...asked)).toBe(true);

    const answer = await fetch(`${started.pdpUrl}/facts/role_assignments`, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${started.keys.environment}`, 'content-type': 'application/json' },
      body: JSON.stringify(assignment),
    });
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject(assignment);
    expect(await proxied.check(...asked)).toBe(false);
  });

  it.each([
    ['X-Wait-Timeout', 'soon'],
    ['X-Timeout-Policy', 'maybe'],
  ])('refuses %s: %s', async (name, value) => {
    const started = await open(0);
    const answer = await fetch(`${started.pdpUrl}/facts/users`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${started.keys.environment}`,
        'content-type': 'application/json',
        [name]: value,
      },
      body: '{"key":"never"}',
    });
    expect(answer.status).toBe(400);
    expect((await refusalOf(sdkFor(started).api.users.get('never'))).status).toBe(404);
  });
});
