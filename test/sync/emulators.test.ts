import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import express from 'express';
import { type LogtoEmulator, startLogtoEmulator } from '../../src/emulators/logto/emulator.ts';
import {
  type PermitEmulator,
  startPermitEmulator,
} from '../../src/emulators/permit/start-permit-emulator.ts';
import type { Assignment } from '../../src/sync/ports.ts';
import { parseDelivery } from '../../src/webhook/delivery.ts';
import { createWebhookRouter } from '../../src/webhook/webhook-router.ts';
import { createTestClock, log, type SyncHarness, startSync } from '../support/sync-harness.ts';

const KEY = 'signing-key-of-the-emulated-hook';
const policy = {
  resources: { reports: { actions: ['view', 'edit'], roles: { owner: ['view', 'edit'], reader: ['view'] } } },
  roles: {
    admin: ['reports:view', 'reports:edit'],
    editor: ['reports:view', 'reports:edit'],
    viewer: ['reports:view'],
  },
};

let logto: LogtoEmulator;
let permit: PermitEmulator;
let sync: SyncHarness;
let server: Server;
let down = false;

beforeAll(async () => {
  const app = express();
  server = createServer(app);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const clock = createTestClock(Date.now());
  logto = await startLogtoEmulator({
    webhookUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    webhookSigningKey: KEY,
  });
  permit = await startPermitEmulator({ policy });
  sync = await startSync({
    facts: { url: permit.url },
    logto: { url: logto.url, appId: 'management0000000000a', appSecret: 'management-secret' },
    permit: { apiKey: permit.keys.environment },
    clock,
    overrides: {
      replayDelivery: ({ body }) =>
        sync.inbox.receive(parseDelivery(Buffer.from(body), { maxAgeSeconds: 172_800, nowMs: clock.now() })),
    },
  });
  app.use((_req, res, next) => {
    if (down) res.status(503).end();
    else next();
  });
  app.use(
    '/hook',
    createWebhookRouter({ signingKeys: [KEY], maxAgeSeconds: 86_400, inbox: sync.inbox, clock, log }),
  );
}, 60_000);
afterAll(async () => {
  await sync.stop();
  await logto.close();
  await permit.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

let bearer: string | undefined;

async function management<T = Record<string, unknown>>(
  method: string,
  path: string,
  body?: unknown,
): Promise<T> {
  bearer ??= (
    (await (
      await fetch(`${logto.url}/oidc/token`, {
        method: 'POST',
        headers: { authorization: `Basic ${btoa('management0000000000a:management-secret')}` },
        body: new URLSearchParams({
          grant_type: 'client_credentials',
          resource: 'https://default.logto.app/api',
          scope: 'all',
        }),
      })
    ).json()) as { access_token: string }
  ).access_token;
  const response = await fetch(`${logto.url}/api${path}`, {
    method,
    headers: { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  expect([method, path, response.status < 300]).toEqual([method, path, true]);
  const text = await response.text();
  return (text.startsWith('{') || text.startsWith('[') ? JSON.parse(text) : {}) as T;
}

async function all() {
  const found: Assignment[] = [];
  for await (const page of sync.directory.listAssignments()) found.push(...page);
  return found
    .map((a) => `${a.user} ${a.tenant}/${a.role}${a.resourceInstance ? `@${a.resourceInstance}` : ''}`)
    .sort();
}
const rolesOf = async (user: string) =>
  (await all()).filter((text) => text.startsWith(`${user} `)).map((t) => t.split(' ')[1]);

async function settled() {
  await logto.settled();
  await sync.settled();
}

async function reconcile() {
  const report = await sync.sync.reconcile();
  await sync.settled();
  return report;
}

describe('with both emulators', () => {
  it('the demo people are booked, and nobody gains or loses anything', async () => {
    const before = await all();
    expect(before).toContain('erin00000000 globex000000/admin');
    await reconcile();
    expect(await all()).toEqual(before);
    expect((await reconcile()).total).toBe(0);
  });

  it('a life: registered, renamed, member, suspended, back, gone', async () => {
    const { id } = await management<{ id: string }>('POST', '/users', {
      username: 'zoe',
      primaryEmail: 'zoe@example.com',
      name: 'Zoe Z',
    });
    await settled();
    expect(await sync.directory.getUser(id)).toMatchObject({
      email: 'zoe@example.com',
      firstName: 'Zoe',
      lastName: 'Z',
    });
    expect(await rolesOf(id)).toEqual(['default/viewer']);
    await management('PATCH', `/users/${id}/profile`, { profile: { givenName: 'Zoë', familyName: 'Zed' } });
    const organization = 'acme00000000';
    const roles = await management<{ id: string; name: string; type: string }[]>(
      'GET',
      '/organization-roles',
    );
    const editor = roles.find((r) => r.name === 'editor' && r.type === 'User')?.id;
    await management('POST', `/organizations/${organization}/users`, { userIds: [id] });
    await management('POST', `/organizations/${organization}/users/roles`, {
      userIds: [id],
      organizationRoleIds: [editor],
    });
    await settled();
    await reconcile();
    expect(await sync.directory.getUser(id)).toMatchObject({ firstName: 'Zoë', lastName: 'Zed' });
    await sync.directory.createInstance({ type: 'reports', key: 'r1', tenant: organization });
    await sync.directory.assign({
      user: id,
      role: 'owner',
      tenant: organization,
      resourceInstance: 'reports:r1',
    });
    const full = await rolesOf(id);
    expect(full).toEqual([`${organization}/editor`, `${organization}/owner@reports:r1`, 'default/viewer']);
    await management('PATCH', `/users/${id}/is-suspended`, { isSuspended: true });
    await settled();
    expect(await rolesOf(id)).toEqual([]);
    await management('PATCH', `/users/${id}/is-suspended`, { isSuspended: false });
    await settled();
    expect(await rolesOf(id)).toEqual(full);
    await management('DELETE', `/organizations/${organization}/users/${id}`);
    await settled();
    expect(await rolesOf(id)).toEqual(['default/viewer']);
    await management('DELETE', `/users/${id}`);
    await settled();
    expect(await sync.directory.getUser(id)).toBeUndefined();
    expect(sync.revoked.filter((r) => r.sub === id).map((r) => r.state)).toEqual([
      'suspended',
      'active',
      'deleted',
    ]);
    expect(await sync.inbox.stats()).toMatchObject({ backlog: 0, dead: 0 });
  });

  it('what Logto could not deliver is found and replayed', async () => {
    down = true;
    const { id } = await management<{ id: string }>('POST', '/users', { username: 'yan' });
    await logto.settled();
    down = false;
    await settled();
    expect(await sync.directory.getUser(id)).toBeUndefined();
    const report = await reconcile();
    expect(report.replayed).toBeGreaterThanOrEqual(1);
    expect(await rolesOf(id)).toEqual(['default/viewer']);
    expect((await reconcile()).total).toBe(0);
  });

  it('an organization with its members comes and goes', async () => {
    const { id } = await management<{ id: string }>('POST', '/organizations', { name: 'Initech' });
    await management('POST', `/organizations/${id}/users`, { userIds: ['dave00000000'] });
    await settled();
    const tenants: string[] = [];
    for await (const page of sync.directory.listTenants())
      tenants.push(...page.map((t) => `${t.key} ${t.name}`));
    expect(tenants).toContain(`${id} Initech`);
    await sync.directory.assign({ user: 'dave00000000', role: 'editor', tenant: id });
    await management('DELETE', `/organizations/${id}`);
    await settled();
    expect(await rolesOf('dave00000000')).toEqual(['default/viewer']);
  });
});
