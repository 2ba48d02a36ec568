import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type Facts, type FactsFault, startFacts } from '../support/sync-facts.ts';
import { createLogtoHand, type SyncHarness, startSync } from '../support/sync-harness.ts';
import { type Identities, startIdentities } from '../support/sync-identities.ts';

let facts: Facts;
let logto: Identities;
let sync: SyncHarness;
let hand: ReturnType<typeof createLogtoHand>;

beforeAll(async () => {
  facts = await startFacts();
  logto = await startIdentities();
  sync = await startSync({ facts, logto, permit: { timeoutMs: 1500 } });
  hand = createLogtoHand(logto, sync);
});
afterAll(async () => {
  await sync.stop();
  await facts.close();
  await logto.close();
});
beforeEach(async () => {
  facts.reset();
  logto.reset();
  await sync.inbox.resume();
  await sync.reset();
  for (const name of ['admin', 'editor', 'viewer']) {
    logto.role(name);
    logto.organizationRole(name);
  }
});

const onWrites =
  (answer: ReturnType<FactsFault>): FactsFault =>
  ({ method }) =>
    method === 'GET' ? undefined : answer;
const hours = (n: number) => n * 3_600_000;

describe('the directory fails', () => {
  it.each<[string, ReturnType<FactsFault>]>([
    ['c-65 500', { status: 500 }],
    ['502 with a null body', { status: 502, body: null }],
    ['c-66 no answer in time', 'hang'],
    ['c-68 reset', 'reset'],
    ['307 to somewhere else', { status: 307, headers: { location: 'http://127.0.0.1:9/' } }],
    ['c-67 429', { status: 429, headers: { 'retry-after': '30' } }],
  ])('%s: tried again until it works', async (_, answer) => {
    facts.setFault(onWrites(answer));
    await hand.register('ann');
    await sync.settled();
    expect(facts.users.has('ann')).toBe(false);
    expect(await sync.inbox.stats()).toMatchObject({ dead: 0 });
    facts.setFault(undefined);
    await sync.later(hours(1));
    expect(facts.rolesOf('ann')).toEqual(['default/viewer']);
    expect(await sync.inbox.stats()).toMatchObject({ backlog: 0, dead: 0 });
  });

  it('half-way through a suspension: what is gone already is no cached decision any more', async () => {
    await hand.register('ann');
    await sync.settled();
    facts.grant('ann', 'default', 'editor');
    sync.changed.length = 0;
    let taken = 0;
    facts.setFault(({ method, path }) => {
      if (method !== 'DELETE' || !path.includes('/role_assignments')) return undefined;
      taken += 1;
      return taken === 1 ? undefined : { status: 500 };
    });
    await hand.suspend('ann', true);
    await sync.settled();
    expect(facts.rolesOf('ann')).toHaveLength(1);
    expect(sync.changed).toEqual([{ user: 'ann' }]);

    facts.setFault(undefined);
    await sync.later(hours(1));
    expect(facts.rolesOf('ann')).toEqual([]);
  });

  it('after a suspension has ended: sessions hear of that once, however often it is tried', async () => {
    await hand.register('ann');
    await hand.suspend('ann', true);
    await sync.settled();
    sync.revoked.length = 0;
    facts.setFault(onWrites({ status: 500 }));
    // No letter says so; it is read at the next event.
    await hand.update('ann', { isSuspended: false });
    for (let tries = 0; tries < 4; tries += 1) await sync.later(60_000);
    expect(sync.revoked).toMatchObject([{ sub: 'ann', state: 'active' }]);
    // Suspended again before anything was done of it.
    await hand.update('ann', { isSuspended: true });
    await sync.later(hours(1));
    expect(sync.revoked.map(({ state }) => state)).toEqual(['active', 'suspended']);
    facts.setFault(undefined);
    await hand.suspend('ann', false);
    await sync.later(hours(1));
    expect(sync.revoked.map(({ state }) => state)).toEqual(['active', 'suspended', 'active']);
    expect(facts.rolesOf('ann')).toEqual(['default/viewer']);
  });

  it('c-67 Retry-After is kept', async () => {
    facts.setFault(onWrites({ status: 429, headers: { 'retry-after': '3000' } }));
    await hand.register('ann');
    await sync.settled();
    facts.setFault(undefined);
    await sync.later(2_900_000);
    expect(facts.users.has('ann')).toBe(false);
    // Later than asked is good manners, earlier is not.
    await sync.later(3_600_000);
    expect(facts.rolesOf('ann')).toEqual(['default/viewer']);
  });

  it('c-65 gives up after eight tries in about six hours, and a person can have it tried again', async () => {
    facts.setFault(onWrites({ status: 500 }));
    await sync.deliver('User.Created', { data: { ...logto.put('ann'), isSuspended: false } });
    for (let i = 0; i < 40; i += 1) await sync.later(hours(0.5));
    expect(await sync.inbox.stats()).toMatchObject({ dead: 1, backlog: 0 });
    facts.setFault(undefined);
    await sync.inbox.replay();
    await sync.settled();
    expect(facts.rolesOf('ann')).toEqual(['default/viewer']);
  });

  it('a crash between any two writes leaves no user without his roles', async () => {
    for (let failing = 1; failing <= 4; failing += 1) {
      const id = `user${failing}`;
      let write = 0;
      facts.setFault(({ method }) => (method !== 'GET' && ++write === failing ? 'reset' : undefined));
      logto.organization('acme');
      logto.member('acme', id, 'editor');
      await hand.register(id);
      await sync.settled();
      facts.setFault(undefined);
      await sync.later(hours(1));
      expect(facts.rolesOf(id)).toEqual(['acme/editor', 'default/viewer']);
    }
  });
});

describe('our key is wrong', () => {
  it.each([
    ['c-69 401', 401],
    ['c-70 403', 403],
  ])('%s pauses the inbox and buries nothing', async (_, status) => {
    facts.setFault(() => ({ status }));
    for (const id of ['ann', 'bob', 'cem']) await hand.register(id);
    await sync.settled();
    await sync.later(hours(10));
    expect(await sync.inbox.stats()).toMatchObject({ dead: 0, backlog: 6 });
    facts.setFault(undefined);
    await sync.inbox.resume();
    await sync.settled();
    for (const id of ['ann', 'bob', 'cem']) expect(facts.rolesOf(id)).toEqual(['default/viewer']);
  });

  it('so does a key that Logto refuses', async () => {
    logto.setFault((path) =>
      path === '/oidc/token' ? { status: 401, body: { error: 'invalid_client' } } : undefined,
    );
    logto.endTokens();
    await hand.register('ann');
    await sync.settled();
    await sync.later(hours(10));
    expect(await sync.inbox.stats()).toMatchObject({ dead: 0, backlog: 2 });
    logto.setFault(undefined);
    await sync.inbox.resume();
    await sync.settled();
    expect(facts.rolesOf('ann')).toEqual(['default/viewer']);
  });
});

describe('what can never go through', () => {
  it.each([
    ['c-54 an e-mail that another user has (409)', { primaryEmail: 'ann@example.com' }, 'DUPLICATE_ENTITY'],
    ['c-55 a field that is too long (422)', { name: 'n'.repeat(2_000) }, 'INVALID_INPUT'],
    ['an e-mail that is none (422)', { primaryEmail: 'not an address' }, 'INVALID_INPUT'],
  ])('%s is buried with its reason, and holds nobody up', async (_, profile, code) => {
    facts.setFault(({ method, body }) =>
      method === 'PUT' && String((body as { first_name?: string }).first_name).length > 1_000
        ? { status: 422, body: { id: 'x', title: 'x', error_code: 'INVALID_INPUT', message: 'too long' } }
        : undefined,
    );
    await hand.register('ann');
    await sync.settled();
    await hand.register('odd', profile);
    await hand.register('bob');
    await sync.settled();
    expect(facts.rolesOf('odd')).toEqual([]);
    expect(facts.rolesOf('bob')).toEqual(['default/viewer']);
    expect(facts.rolesOf('ann')).toEqual(['default/viewer']);
    expect(await sync.inbox.stats()).toMatchObject({ dead: 2, backlog: 0 });
    const letters = await sync.inbox.list({ status: 'dead' });
    expect(letters.map(({ attempts }) => attempts)).toEqual([1, 1]);
    const reasons = letters.map(({ reason }) => reason).join();
    expect(reasons).toContain(code);
    expect(reasons).not.toContain('permit_key');
    expect(reasons).not.toContain('example.com');
  });

  it('one poisoned user among many: the others are synced', async () => {
    const ids = Array.from({ length: 30 }, (_, i) => `user${i}`);
    facts.setFault(({ path }) => (path.endsWith('/users/user7') ? { status: 500 } : undefined));
    for (const id of ids) await hand.register(id);
    await sync.settled();
    const synced = ids.filter((id) => facts.rolesOf(id).length === 1);
    expect(synced).toHaveLength(29);
  });
});

describe('a profile that the directory refuses', () => {
  const twin = { primaryEmail: 'bob@example.com' };

  beforeEach(async () => {
    logto.organization('acme');
    logto.member('acme', 'ann', 'editor');
    await hand.register('bob');
    await hand.register('ann');
    await sync.settled();
    expect(facts.rolesOf('ann')).toEqual(['acme/editor', 'default/viewer']);
  });

  it('keeps nobody in who is suspended', async () => {
    logto.put('ann', twin);
    await hand.suspend('ann');
    await sync.settled();
    expect(facts.rolesOf('ann')).toEqual([]);
    expect(facts.rolesOf('bob')).toEqual(['default/viewer']);
  });

  it('keeps no role that Logto has taken', async () => {
    logto.member('acme', 'ann');
    await hand.update('ann', twin);
    await sync.settled();
    expect(facts.rolesOf('ann')).toEqual(['default/viewer']);
  });
});

describe('a profile that the directory refuses, and a role that changes with it', () => {
  it('ends with the new role, and the old profile', async () => {
    logto.organization('acme');
    logto.member('acme', 'ann', 'editor');
    await hand.register('bob');
    await hand.register('ann');
    await sync.settled();
    logto.member('acme', 'ann', 'admin');
    await hand.update('ann', { primaryEmail: 'bob@example.com' });
    await sync.settled();
    expect(facts.rolesOf('ann')).toEqual(['acme/admin', 'default/viewer']);
    expect(facts.users.get('ann')).toMatchObject({ email: 'ann@example.com' });
    expect(await sync.dead()).toBeGreaterThan(0);

    // The books are closed all the same: what a person gives from now on stays.
    logto.member('acme', 'ann');
    await hand.update('ann', { primaryEmail: 'bob@example.com', name: 'Ann' });
    await sync.settled();
    expect(facts.rolesOf('ann')).toEqual(['default/viewer']);
    facts.grant('ann', 'acme', 'admin');
    await hand.update('ann', { primaryEmail: 'ann@example.com' });
    await sync.settled();
    expect(facts.rolesOf('ann')).toEqual(['acme/admin', 'default/viewer']);
    expect(facts.users.get('ann')).toMatchObject({ email: 'ann@example.com', first_name: 'Ann' });
  });

  it('holds no role back when a suspension ends', async () => {
    await hand.register('bob');
    await hand.register('ann');
    await hand.suspend('ann');
    await sync.settled();
    expect(facts.rolesOf('ann')).toEqual([]);
    logto.put('ann', { primaryEmail: 'bob@example.com' });
    await hand.suspend('ann', false);
    await sync.settled();
    expect(facts.rolesOf('ann')).toEqual(['default/viewer']);
  });
});

describe('a tenant that the directory refuses', () => {
  const refusing: FactsFault = ({ method, path, body }) =>
    method === 'POST' && path.endsWith('/tenants') && JSON.stringify(body).includes('beta')
      ? { status: 422, body: { error_code: 'INVALID_INPUT' } }
      : undefined;

  beforeEach(async () => {
    logto.organization('acme');
    logto.member('acme', 'ann', 'admin');
    await hand.register('ann');
    await sync.settled();
    facts.setFault(refusing);
    logto.organization('beta');
    logto.member('beta', 'ann', 'viewer');
  });

  it('keeps no role alive that was taken in another one', async () => {
    logto.member('acme', 'ann');
    await hand.update('ann', {});
    await sync.settled();
    expect(facts.rolesOf('ann')).toEqual(['default/viewer']);
  });

  it('keeps nobody in who is suspended', async () => {
    await hand.suspend('ann');
    await sync.settled();
    expect(facts.rolesOf('ann')).toEqual([]);
  });

  it('does not end a reconcile before it has begun', async () => {
    logto.put('bob');
    await sync.sync.reconcile();
    await sync.settled();
    expect(facts.rolesOf('bob')).toEqual(['default/viewer']);
    facts.setFault(undefined);
    await sync.sync.reconcile();
    await sync.settled();
    expect(facts.rolesOf('ann')).toEqual(['acme/admin', 'beta/viewer', 'default/viewer']);
  });
});

describe('a role that comes back after a suspension', () => {
  it('is tried again when the directory does not know it just now', async () => {
    await hand.register('ann');
    await sync.settled();
    facts.grant('ann', 'default', 'editor');
    const before = facts.rolesOf('ann');
    await hand.suspend('ann');
    await sync.settled();
    facts.setFault(({ method, path }) =>
      method === 'POST' && path.endsWith('/role_assignments')
        ? { status: 404, body: { error_code: 'NOT_FOUND' } }
        : undefined,
    );
    await hand.suspend('ann', false);
    await sync.settled();
    expect(facts.rolesOf('ann')).toEqual([]);
    facts.setFault(undefined);
    await sync.later(hours(1));
    expect(facts.rolesOf('ann')).toEqual(before);
  });
});

describe('a worker whose lease is lost', () => {
  it('changes nothing: a later fence has written', async () => {
    await hand.register('ann');
    await sync.settled();
    await sync.database.query("update elp.sync_subject set fence = 1000000 where id = 'user:ann'");
    await hand.suspend('ann');
    await sync.settled();
    expect(facts.rolesOf('ann')).toEqual(['default/viewer']);
    expect(sync.revoked).toEqual([]);
    await sync.database.query("update elp.sync_subject set fence = 1 where id = 'user:ann'");
    await sync.later(hours(1));
    expect(facts.rolesOf('ann')).toEqual([]);
  });
});
