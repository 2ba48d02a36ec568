import { pino } from 'pino';
import { Registry } from 'prom-client';
import type { Database } from '../../src/database/database.ts';
import { createInbox } from '../../src/inbox/inbox.ts';
import { inboxMigrations } from '../../src/inbox/inbox-migrations.ts';
import { createQueue } from '../../src/inbox/queue.ts';
import { createManagementClient } from '../../src/logto/management.ts';
import { createDirectory } from '../../src/permit/directory.ts';
import { createSync, type SyncOptions } from '../../src/sync/sync.ts';
import { syncMigrations } from '../../src/sync/sync-migrations.ts';
import { parseEvent, subjectsOf } from '../../src/webhook/events.ts';
import { openTestDatabase } from './database.ts';
import type { Facts } from './sync-facts.ts';
import type { FakeUser, Identities } from './sync-identities.ts';

export const roleKeys = ['admin', 'editor', 'viewer'];
export const defaults = { tenant: 'default', role: 'viewer' };
export const log = pino({ level: process.env.SYNC_LOG ?? 'silent' });

export function createTestClock(startMs = Date.parse('2026-08-21T10:00:00Z')) {
  let nowMs = startMs;
  return {
    now: () => nowMs,
    advance(ms: number) {
      nowMs += ms;
      return nowMs;
    },
  };
}

export type TestClock = ReturnType<typeof createTestClock>;

export const openSyncDatabase = (): Promise<Database> =>
  openTestDatabase([...inboxMigrations, ...syncMigrations]);

/** Every subject that a payload speaks of, as the receiver sees it. */
export const subjectsIn = (payload: unknown): string[] => subjectsOf(parseEvent(payload));

type Revoked = { sub: string; at: Date; state: string };

/** Database, queue, inbox and sync, wired as the gate does, over real HTTP to whatever `facts` and `logto` are. */
export async function startSync(options: {
  facts: Pick<Facts, 'url'>;
  logto?: Pick<Identities, 'url'> | { url: string; appId: string; appSecret: string };
  database?: Database;
  clock?: TestClock;
  overrides?: Partial<SyncOptions>;
  permit?: { apiKey?: string; timeoutMs?: number };
}) {
  const clock = options.clock ?? createTestClock();
  const database = options.database ?? (await openSyncDatabase());
  const queue = createQueue({ database, log, clock });
  await queue.start();
  const inbox = createInbox({ database, queue, clock, log });
  const revoked: Revoked[] = [];
  const changed: { user?: string; tenant?: string }[] = [];
  const metrics = new Registry();
  const directory = createDirectory({
    apiKey: options.permit?.apiKey ?? 'permit_key_environment',
    apiUrl: `${options.facts.url}/`,
    timeoutMs: options.permit?.timeoutMs ?? 2000,
    clock,
  });
  const identities = options.logto
    ? createManagementClient({
        endpoint: options.logto.url,
        appId: 'appId' in options.logto ? options.logto.appId : 'app',
        appSecret: 'appSecret' in options.logto ? options.logto.appSecret : 'secret',
        resource: 'https://default.logto.app/api',
        timeoutMs: 2000,
        clock,
      })
    : undefined;
  const sync = createSync({
    database,
    inbox,
    queue,
    directory,
    ...(identities ? { identities } : {}),
    defaults,
    roleKeys,
    async onRevoke(sub, at, state) {
      revoked.push({ sub, at, state });
    },
    async onRolesChanged(change) {
      changed.push(change);
    },
    clock,
    log,
    metrics,
    ...options.overrides,
  });
  await sync.start();
  await inbox.start();
  let letters = 0;

  async function deliver(
    event: string,
    payload: Record<string, unknown>,
    how: { createdAtMs?: number; subjects?: string[] } = {},
  ) {
    letters += 1;
    const createdAt = new Date(how.createdAtMs ?? clock.now());
    const body = { event, createdAt: createdAt.toISOString(), hookId: 'hook', ...payload };
    return inbox.receive({
      rawBody: Buffer.from(JSON.stringify({ ...body, letters })),
      event,
      createdAt,
      payload: body,
      subjects: how.subjects ?? subjectsIn(body),
    });
  }

  return {
    clock,
    database,
    queue,
    inbox,
    sync,
    directory,
    identities,
    metrics,
    revoked,
    changed,
    deliver,
    settled: () => sync.settled(),
    /** Lets the clock run until retries that wait are due, and works them. */
    async later(ms: number) {
      // A lease is timed by the same clock: what runs must end before it jumps.
      await sync.settled();
      clock.advance(ms);
      await sync.settled();
    },
    /** Empty books and an empty inbox, some minutes later: a new test on the same wiring. */
    async reset() {
      await sync.settled();
      await database.query(
        `truncate elp.sync_subject, elp.managed_grant, elp.sync_membership, elp.reconcile_run, elp.reconcile_lease,
           elp.letter, elp.letter_subject, elp.subject`,
      );
      revoked.length = 0;
      changed.length = 0;
      clock.advance(600_000);
    },
    async dead() {
      return (await inbox.stats()).dead;
    },
    async stop({ keepDatabase = false } = {}) {
      await sync.stop();
      await inbox.stop();
      await queue.stop();
      await identities?.close();
      if (!keepDatabase) await database.close();
    },
  };
}

export type SyncHarness = Awaited<ReturnType<typeof startSync>>;

/** The letters that Logto sends of a user, and the state that its API shows from then on. */
export function createLogtoHand(logto: Identities, sync: Pick<SyncHarness, 'deliver' | 'clock'>) {
  const data = (user: FakeUser) => ({ ...user, customData: {}, identities: {} });
  const later = () => sync.clock.advance(7);
  const params = (userId: string) => ({ params: { userId } });
  return {
    async register(id: string, over: Partial<FakeUser> = {}) {
      const user = logto.put(id, { ...over, updatedAt: later() });
      await sync.deliver('User.Created', { data: data(user), interactionEvent: 'Register' });
      later();
      await sync.deliver('PostRegister', { userId: id, user: data(user), interactionEvent: 'Register' });
      return user;
    },
    async update(id: string, over: Partial<FakeUser>) {
      const user = logto.put(id, { ...over, updatedAt: later() });
      await sync.deliver('User.Data.Updated', {
        ...params(id),
        matchedRoute: '/users/:userId',
        data: data(user),
      });
    },
    async suspend(id: string, isSuspended = true) {
      const user = logto.put(id, { isSuspended, updatedAt: later() });
      const matchedRoute = '/users/:userId/is-suspended';
      await sync.deliver('User.SuspensionStatus.Updated', { ...params(id), matchedRoute, data: data(user) });
    },
    async remove(id: string) {
      const user = logto.users.get(id) ?? logto.put(id);
      logto.remove(id);
      later();
      await sync.deliver('User.Deleted', { ...params(id), matchedRoute: '/users/:userId', data: data(user) });
    },
    async join(organization: string, id: string, ...roles: string[]) {
      later();
      logto.member(organization, id, ...roles);
      await sync.deliver('Organization.Membership.Updated', {
        organizationId: organization,
        addedUserIds: [id],
      });
    },
    async leave(organization: string, id: string) {
      later();
      logto.leave(organization, id);
      await sync.deliver('Organization.Membership.Updated', {
        organizationId: organization,
        removedUserIds: [id],
      });
    },
    async organization(id: string, name = id) {
      later();
      logto.organization(id, name);
      await sync.deliver('Organization.Created', { data: { id, name } });
    },
    async removeOrganization(id: string) {
      later();
      logto.organizations.delete(id);
      logto.members.delete(id);
      await sync.deliver('Organization.Deleted', { params: { id } });
    },
  };
}
