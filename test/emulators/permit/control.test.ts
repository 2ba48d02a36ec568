import { afterEach, expect, it } from '@jest/globals';
import {
  type PermitEmulator,
  startPermitEmulator,
} from '../../../src/emulators/permit/start-permit-emulator.ts';
import { examplePolicy } from '../../support/permit-policy.ts';
import { refusalOf, sdkFor } from '../../support/permit-sdk.ts';

let emulator: PermitEmulator;
afterEach(() => emulator.close());
const control = (path: string, body?: unknown) =>
  fetch(`${emulator.url}/_emulator/${path}`, {
    ...(body === undefined
      ? {}
      : { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  });

it('shows what it holds, what it was asked and what it decided', async () => {
  emulator = await startPermitEmulator({ policy: examplePolicy });
  await sdkFor(emulator).check('carol0000000', 'edit', 'reports');

  const [decision] = (await (await control('decisions')).json()) as Record<string, unknown>[];
  expect(decision).toMatchObject({ user: 'carol0000000', action: 'edit', allow: false, via: '/allowed' });
  expect(decision?.reason).toContain('does not have any role that grants');
  const [request] = (await (await control('requests')).json()) as Record<string, unknown>[];
  expect(request).toMatchObject({ method: 'POST', path: '/allowed', status: 200, body: { action: 'edit' } });
  expect(JSON.stringify(request)).not.toContain(emulator.keys.environment);
  const state = (await (await control('state')).json()) as { environments: { users: { count: number } }[] };
  expect(state.environments[0]?.users.count).toBe(7);
  expect(JSON.stringify(state)).not.toContain('permit_key_');
  const page = await fetch(emulator.url);
  expect(page.headers.get('content-type')).toContain('text/html');
  expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
});

it('fails on demand, on every path', async () => {
  emulator = await startPermitEmulator({ policy: examplePolicy });
  const permit = sdkFor(emulator);
  await control('faults', { match: { path: '/allowed' }, status: 503, times: 1 });
  await expect(permit.check('alice0000000', 'view', 'reports')).rejects.toThrow('503');
  expect(await permit.check('alice0000000', 'view', 'reports')).toBe(true);
  await control('faults', { match: { method: 'PUT' }, status: 429, times: 1 });
  expect((await refusalOf(permit.api.users.sync({ key: 'x' }))).status).toBe(429);
  expect((await permit.api.users.sync({ key: 'x' })).created).toBe(true);
});

it('moves its clock', async () => {
  emulator = await startPermitEmulator({ clock: { now: () => Date.UTC(2030, 0, 1) } });
  await control('clock', { offsetSeconds: 86_400 });
  const user = await sdkFor(emulator).api.users.create({ key: 'later' });
  expect(user.created_at).toBe('2030-01-02T00:00:00+00:00');
});

it('starts over from another policy and other facts, and comes back to these on reset', async () => {
  emulator = await startPermitEmulator({ policy: examplePolicy });
  const permit = sdkFor(emulator);
  const seed = {
    policy: { resources: { cars: { actions: ['drive'] } }, roles: { driver: ['cars:drive'] } },
    facts: {
      tenants: [{ key: 'garage', name: 'Garage' }],
      users: [{ key: 'dee' }],
      role_assignments: [{ user: 'dee', role: 'driver', tenant: 'garage' }],
    },
  };
  expect((await control('seed', seed)).status).toBe(200);
  expect(await permit.check('dee', 'drive', { type: 'cars', tenant: 'garage' })).toBe(true);
  expect(await permit.check('alice0000000', 'view', 'reports')).toBe(false);
  await permit.api.users.delete('dee');
  await emulator.reset();
  expect(await permit.check('dee', 'drive', { type: 'cars', tenant: 'garage' })).toBe(true);

  const wrong = { facts: { role_assignments: [{ user: 'dee', role: 'pilot', tenant: 'garage' }] } };
  expect((await control('seed', wrong)).status).toBe(400);
  expect((await control('seed', { policy: { roles: {} } })).status).toBe(400);
  expect((await control('seed', { facts: { people: [] } })).status).toBe(400);
  expect(await permit.check('dee', 'drive', { type: 'cars', tenant: 'garage' })).toBe(true);
});

it('answers no foreign host', async () => {
  emulator = await startPermitEmulator({});
  const { request } = await import('undici');
  const answer = await request(`${emulator.url}/health`, { headers: { host: 'evil.example' } });
  await answer.body.dump();
  expect(answer.statusCode).toBe(421);
});

it('refuses production', async () => {
  emulator = await startPermitEmulator({});
  await expect(startPermitEmulator({ production: true })).rejects.toThrow('production');
});
