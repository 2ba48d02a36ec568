import { createHmac } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import express from 'express';
import {
  type PermitEmulator,
  startPermitEmulator,
} from '../../src/emulators/permit/start-permit-emulator.ts';
import { emptySeed } from '../../src/emulators/seed.ts';
import type { Assignment, DirectoryUser } from '../../src/sync/ports.ts';
import { ReconcileBusy } from '../../src/sync/reconcile-lease.ts';
import { createWebhookRouter } from '../../src/webhook/webhook-router.ts';
import { log, type SyncHarness, startSync } from '../support/sync-harness.ts';
import { type FakeUser, type Identities, startIdentities } from '../support/sync-identities.ts';

const folder = join(import.meta.dirname, '../contracts/recordings');
const KEY = 'replayed-with-a-key-of-our-own';
const roles = { editor: [], worker: [], viewer: [], 'org-admin': [], 'org-member': [], 'org-worker': [] };

type Body = Record<string, unknown> & { event: string; createdAt: string };

function deliveriesOf(version: string): Body[] {
  const from = join(folder, version, 'webhooks');
  return readdirSync(from)
    .filter((name) => /^[A-Z].*\.json$/.test(name))
    .flatMap(
      (name) =>
        JSON.parse(readFileSync(join(from, name), 'utf8')).recordings as { body: Body; receivedAt: string }[],
    )
    .sort((a, b) => a.receivedAt.localeCompare(b.receivedAt))
    .map(({ body }) => body);
}

/** The answer that was recorded under that name. */
function recorded<T>(file: string, name: string): T {
  const all = JSON.parse(readFileSync(join(folder, 'management-api', `${file}.json`), 'utf8'));
  return all[name].response.body as T;
}

const alice = '6pp5pbuzb7ee';
const bob = 'e8k7jmo61p4r';
const worker = 's1be8e6wlocp1t791q8wm';
const rolesWanted = {
  [alice]: ['default/editor', 'default/viewer', 's3873y8utuvu/org-admin'],
  [bob]: ['9ij1naitofqx/org-member', 'default/viewer', 's3873y8utuvu/org-member'],
  [`m2m|${worker}`]: ['default/worker', 's3873y8utuvu/org-worker'],
};
type Role = { id: string; name: string; type: 'User' | 'MachineToMachine' };
type Listed = { id: string; name: string; organizationRoles?: { id: string; name: string }[] };

/** Logto's API as it answered after all of the recorded deliveries. */
function loadRecorded(logto: Identities): FakeUser[] {
  const users = recorded<FakeUser[]>('users', 'page_size_100');
  for (const user of users) logto.users.set(user.id, user);
  for (const role of recorded<Role[]>('roles', 'roles')) logto.roles.set(role.id, role);
  for (const role of recorded<Role[]>('organization-template', 'organization_roles')) {
    logto.organizationRoles.set(role.id, role);
  }
  logto.rolesOf.set(alice, new Set(recorded<Listed[]>('users-roles', 'alice').map((r) => r.id)));
  logto.machines.set(worker, { id: worker, name: 'Worker' });
  logto.rolesOf.set(worker, new Set(['n6n2ftmypin9mydkw3r77']));
  for (const { id, name } of recorded<Listed[]>('organizations', 'default')) {
    logto.organization(id, name);
    logto.members.set(id, new Map());
  }
  for (const [user, name] of [
    [alice, 'alice'],
    [bob, 'bob'],
  ] as const) {
    for (const o of recorded<Listed[]>('users-organizations', name)) {
      logto.members.get(o.id)?.set(user, new Set(o.organizationRoles?.map((r) => r.id)));
    }
  }
  logto.members.get('s3873y8utuvu')?.set(worker, new Set(['r65nfzyclbmddzsi6v2g6']));
  return users;
}

/** The letters about roles have asked for a reconcile as well. */
async function reconcileAlone(sync: SyncHarness) {
  for (const until = Date.now() + 60_000; ; ) {
    try {
      return await sync.sync.reconcile();
    } catch (error) {
      if (!(error instanceof ReconcileBusy) || Date.now() > until) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

async function all<T>(pages: AsyncIterable<T[]>): Promise<T[]> {
  const found: T[] = [];
  for await (const page of pages) found.push(...page);
  return found;
}

async function startReceiver(sync: SyncHarness) {
  const app = express();
  const { inbox, clock } = sync;
  app.use('/hook', createWebhookRouter({ signingKeys: [KEY], maxAgeSeconds: 300, inbox, clock, log }));
  const server = createServer(app);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
  return {
    /** Signed anew, in the order of old, a little apart. */
    async replay(bodies: readonly Body[]): Promise<void> {
      const order = [...new Set(bodies.map((b) => b.createdAt))].sort();
      const start = clock.now() - order.length;
      const send = async (body: Body) => {
        const createdAt = new Date(start + order.indexOf(body.createdAt)).toISOString();
        const text = JSON.stringify({ ...body, createdAt });
        const signature = createHmac('sha256', KEY).update(text).digest('hex');
        const response = await fetch(url, {
          method: 'POST',
          headers: { 'content-type': 'application/json', 'logto-signature-sha-256': signature },
          body: text,
        });
        expect(response.status).toBe(200);
        await response.arrayBuffer();
      };
      // Logto itself sends up to ten at once.
      for (let i = 0; i < bodies.length; i += 10) await Promise.all(bodies.slice(i, i + 10).map(send));
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

let permit: PermitEmulator;
let logto: Identities;
beforeAll(async () => {
  permit = await startPermitEmulator({ seed: emptySeed, policy: { resources: {}, roles } });
  logto = await startIdentities();
});
afterAll(async () => {
  await permit.close();
  await logto.close();
});

async function withSync(
  how: { management: boolean },
  work: (sync: SyncHarness) => Promise<void>,
): Promise<void> {
  await permit.reset();
  logto.reset();
  const sync = await startSync({
    facts: { url: permit.url },
    ...(how.management ? { logto } : {}),
    permit: { apiKey: permit.keys.environment },
    overrides: { roleKeys: Object.keys(roles) },
  });
  const receiver = await startReceiver(sync);
  try {
    await work(Object.assign(sync, { replay: receiver.replay }));
  } finally {
    await receiver.close();
    await sync.stop();
  }
}

async function directoryOf(sync: SyncHarness) {
  const users = new Map((await all<DirectoryUser>(sync.directory.listUsers())).map((u) => [u.key, u]));
  const assignments = await all<Assignment>(sync.directory.listAssignments());
  const rolesOf = (key: string) =>
    assignments
      .filter((a) => a.user === key)
      .map((a) => `${a.tenant}/${a.role}`)
      .sort();
  return {
    users,
    rolesOf,
    tenants: new Map((await all(sync.directory.listTenants())).map((t) => [t.key, t.name])),
  };
}

const byTime = (bodies: readonly Body[]) =>
  [...bodies].sort((a, b) => a.createdAt.localeCompare(b.createdAt));

/** What the deliveries alone say: everybody's newest user object, who is gone, and the organizations by name. */
function toldBy(bodies: readonly Body[]) {
  const newest = new Map<string, FakeUser>();
  const deleted = new Set<string>();
  const gone = new Set(
    bodies
      .filter(({ event }) => event === 'Organization.Deleted')
      .map(({ params }) => (params as { id: string }).id),
  );
  // One that is only spoken of, as somebody's, is known by its id.
  const organizations = new Map(
    bodies
      .filter(({ event }) => event === 'Organization.Membership.Updated')
      .map(({ organizationId }) => [organizationId as string, organizationId as string]),
  );
  for (const body of byTime(bodies)) {
    const params = body.params as { userId: string };
    if (/^Organization\.(Created|Data\.Updated)$/.test(body.event)) {
      const { id, name } = body.data as { id: string; name: string };
      organizations.set(id, name);
    }
    if (!/^(User\.|PostRegister|PostSignIn$)/.test(body.event)) continue;
    if (body.event === 'User.Deleted') deleted.add(params.userId);
    const user = (body.user ?? body.data) as FakeUser | undefined;
    const route = String(body.matchedRoute ?? '');
    if (user && 'isSuspended' in user && !route.endsWith('/custom-data')) newest.set(user.id, user);
  }
  for (const id of gone) organizations.delete(id);
  return { newest, deleted, organizations };
}

const replayOf = (sync: SyncHarness) =>
  (sync as SyncHarness & { replay(bodies: readonly Body[]): Promise<void> }).replay;

const namesOf = (user: FakeUser) => {
  const [first, ...rest] = (user.name ?? '').split(' ');
  const { givenName, familyName } = user.profile;
  return givenName || familyName
    ? [givenName, familyName]
    : [first || undefined, rest.join(' ') || undefined];
};

describe('every recorded delivery of Logto 1.41', () => {
  it('leaves the directory as the recorded Management API shows', async () => {
    await withSync({ management: true }, async (sync) => {
      const users = loadRecorded(logto);
      const bodies = deliveriesOf('');
      expect(bodies.length).toBeGreaterThan(90);
      await replayOf(sync)(bodies);
      await sync.settled();
      const told = new Set(
        bodies.map(
          (b) => (b.params as { userId?: string })?.userId ?? b.userId ?? (b.data as { id?: string })?.id,
        ),
      );
      const before = await directoryOf(sync);
      for (const user of users.filter(({ id }) => told.has(id))) {
        const there = before.users.get(user.id);
        expect([user.id, there?.email, there?.firstName, there?.lastName]).toEqual([
          user.id,
          user.primaryEmail ?? undefined,
          ...namesOf(user),
        ]);
      }
      const listed = new Set(users.map(({ id }) => id));
      expect([...before.users.keys()].filter((key) => !listed.has(key) && !key.startsWith('m2m|'))).toEqual(
        [],
      );

      // These two changed, so that their letters alone have brought their roles.
      for (const [key, expected] of Object.entries(rolesWanted)) {
        if (told.has(key)) expect([key, before.rolesOf(key)]).toEqual([key, expected]);
      }
      expect(told.has(alice)).toBe(true);

      await reconcileAlone(sync);
      await sync.settled();
      const { users: there, rolesOf, tenants } = await directoryOf(sync);
      expect([...there.keys()].sort()).toEqual([...listed, 'm2m|s1be8e6wlocp1t791q8wm'].sort());
      for (const [key, expected] of Object.entries(rolesWanted))
        expect([key, rolesOf(key)]).toEqual([key, expected]);
      expect(tenants.get('s3873y8utuvu')).toBe('Acme');
      expect(tenants.get('9ij1naitofqx')).toBe('Globex');
      expect([...tenants.keys()].sort()).toEqual(['9ij1naitofqx', 'default', 's3873y8utuvu']);
      expect((await reconcileAlone(sync)).total).toBe(0);
    });
  }, 120_000);
});

describe('every recorded delivery of Logto 1.42', () => {
  // Of this version no answers of the API were recorded: it shows what the last delivery of each said.
  it('leaves the directory as its API shows', async () => {
    await withSync({ management: true }, async (sync) => {
      const bodies = deliveriesOf('v1.42.0');
      const { newest, deleted, organizations } = toldBy(bodies);
      for (const [id, user] of newest) if (!deleted.has(id)) logto.users.set(id, user);
      for (const [id, name] of organizations) logto.organization(id, name);
      await replayOf(sync)(bodies);
      await sync.settled();
      await reconcileAlone(sync);
      await sync.settled();
      const { users, rolesOf, tenants } = await directoryOf(sync);
      expect([...users.keys()].sort()).toEqual([...logto.users.keys()].sort());
      for (const user of logto.users.values()) {
        const there = users.get(user.id);
        expect([user.id, there?.email, there?.firstName, there?.lastName]).toEqual([
          user.id,
          user.primaryEmail ?? undefined,
          ...namesOf(user),
        ]);
        expect([user.id, rolesOf(user.id)]).toEqual([user.id, user.isSuspended ? [] : ['default/viewer']]);
      }
      tenants.delete('default');
      expect(Object.fromEntries(tenants)).toEqual(Object.fromEntries(organizations));
      expect((await reconcileAlone(sync)).total).toBe(0);
    });
  }, 120_000);
});

describe.each([
  ['1.41', ''],
  ['1.42', 'v1.42.0'],
])('every recorded delivery of Logto %s, without a Management API', (_, version) => {
  it.each(['as they came', 'backwards'])('%s: everybody is as the newest delivery says', async (order) => {
    await withSync({ management: false }, async (sync) => {
      const bodies = deliveriesOf(version);
      await replayOf(sync)(order === 'backwards' ? [...bodies].reverse() : bodies);
      await sync.settled();
      const { newest, deleted, organizations } = toldBy(bodies);
      const { users, rolesOf, tenants } = await directoryOf(sync);
      expect(newest.size).toBeGreaterThan(3);
      for (const [id, user] of newest) {
        const there = users.get(id);
        const gone = deleted.has(id);
        expect([id, there !== undefined, there?.email]).toEqual([
          id,
          !gone,
          gone ? undefined : (user.primaryEmail ?? undefined),
        ]);
        expect(rolesOf(id)).toEqual(gone || user.isSuspended ? [] : ['default/viewer']);
      }
      tenants.delete('default');
      expect(organizations.size).toBeGreaterThan(0);
      expect(Object.fromEntries(tenants)).toEqual(Object.fromEntries(organizations));
      expect(await sync.inbox.stats()).toMatchObject({ backlog: 0, dead: 0 });
    });
  });
});
