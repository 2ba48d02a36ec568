import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { ReconcileRefused } from '../../src/sync/reconcile.ts';
import { ReconcileBusy, takeReconcileLease } from '../../src/sync/reconcile-lease.ts';
import { createRunLog } from '../../src/sync/reconcile-runs.ts';
import { type Facts, startFacts } from '../support/sync-facts.ts';
import { createLogtoHand, type SyncHarness, startSync } from '../support/sync-harness.ts';
import { type Identities, startIdentities } from '../support/sync-identities.ts';

let facts: Facts;
let logto: Identities;
let sync: SyncHarness;
let hand: ReturnType<typeof createLogtoHand>;
const replayed: string[] = [];

beforeAll(async () => {
  facts = await startFacts();
  logto = await startIdentities();
  sync = await startSync({
    facts,
    logto,
    overrides: {
      async replayDelivery({ body }) {
        replayed.push(body);
        const payload = JSON.parse(body) as { event: string; createdAt: string };
        await sync.deliver(payload.event, payload as never, { createdAtMs: Date.parse(payload.createdAt) });
        return 'stored';
      },
    },
  });
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
  await sync.reset();
  replayed.length = 0;
  for (const name of ['admin', 'editor', 'viewer']) {
    logto.role(name);
    logto.organizationRole(name);
  }
});

async function reconcile(options = {}) {
  const report = await sync.sync.reconcile(options);
  await sync.settled();
  return report;
}

describe('reconcile', () => {
  it('c-76 brings in everybody who registered while nobody listened; the second run changes nothing', async () => {
    const ids = Array.from({ length: 1000 }, (_, i) => `user${i}`);
    for (const id of ids) logto.put(id, { name: `User ${id}` });
    logto.organization('acme', 'Acme');
    logto.member('acme', 'user1', 'admin');
    logto.member('acme', 'user2');
    logto.give('user3', 'editor');
    const first = await reconcile();
    expect(first.changes.create).toBe(1000);
    expect(ids.filter((id) => !facts.rolesOf(id).includes('default/viewer'))).toEqual([]);
    expect(facts.rolesOf('user1')).toEqual(['acme/admin', 'default/viewer']);
    expect(facts.rolesOf('user3')).toEqual(['default/editor', 'default/viewer']);
    const writes = facts.writes();
    expect((await reconcile()).total).toBe(0);
    expect(facts.writes()).toBe(writes);
  });

  it('c-76 a dry run prints the difference and writes nothing', async () => {
    logto.put('ann');
    logto.give('ann', 'admin');
    const report = await reconcile({ dryRun: true });
    expect(report.diff).toContainEqual({ do: 'create', subject: 'ann' });
    expect(facts.writes()).toBe(0);
    expect((await sync.database.query('select 1 from elp.sync_subject')).rows).toEqual([]);
  });

  it('c-76 goes on safely while letters of the same people arrive', async () => {
    const ids = Array.from({ length: 60 }, (_, i) => `user${i}`);
    for (const id of ids) logto.put(id);
    let calls = 0;
    // Between the bulk calls: what was read for them is no longer true.
    facts.setFault(async ({ method, path }) => {
      if (method === 'GET' || !path.includes('bulk')) return undefined;
      const from = 20 * calls++;
      for (const id of ids.slice(from, from + 5)) await hand.suspend(id);
      for (const id of ids.slice(from + 5, from + 10)) await hand.remove(id);
      for (const id of ids.slice(from + 10, from + 15)) await hand.update(id, { name: 'New Name' });
      await hand.register(`late${calls}`);
      return undefined;
    });
    await reconcile();
    facts.setFault(undefined);
    expect(calls).toBeGreaterThanOrEqual(2);
    for (let i = 0; i < 4; i += 1) await sync.later(3_600_000);
    for (const [id, user] of logto.users) {
      expect([id, facts.users.get(id)?.first_name]).toEqual([id, user.name ? 'New' : null]);
      expect([id, facts.rolesOf(id)]).toEqual([id, user.isSuspended ? [] : ['default/viewer']]);
    }
    expect([...facts.users.keys()].sort()).toEqual([...logto.users.keys()].sort());
    expect((await reconcile()).total).toBe(0);
  });

  it('books whom the directory knew before us, without a default role', async () => {
    logto.put('erin');
    logto.give('erin', 'admin');
    facts.users.set('erin', { key: 'erin', email: 'erin@example.com', first_name: null, last_name: null });
    facts.grant('erin', 'default', 'admin');
    expect((await reconcile()).changes.adopt).toBe(1);
    expect(facts.rolesOf('erin')).toEqual(['default/admin']);
    expect((await reconcile()).total).toBe(0);
    logto.give('erin');
    await reconcile();
    expect(facts.rolesOf('erin')).toEqual([]);
  });

  it('mirrors roles, of which no webhook tells', async () => {
    await hand.organization('acme');
    await hand.register('ann');
    await hand.join('acme', 'ann', 'viewer');
    await sync.settled();
    logto.give('ann', 'editor');
    logto.member('acme', 'ann', 'admin');
    await reconcile();
    expect(facts.rolesOf('ann')).toEqual(['acme/admin', 'default/editor', 'default/viewer']);
    logto.roles.delete('r-editor-User');
    await reconcile();
    expect(facts.rolesOf('ann')).toEqual(['acme/admin', 'default/viewer']);
    expect(sync.changed.length).toBeGreaterThan(0);
  });

  it('what was taken is forgotten by the caches also when our own books fail behind it', async () => {
    logto.role('editor', 'MachineToMachine');
    logto.machines.set('app1', { id: 'app1', name: 'App' });
    logto.give('app1', 'editor');
    await sync.sync.reconcile();
    expect(facts.rolesOf('m2m|app1')).toEqual(['default/editor']);
    logto.give('app1');
    sync.changed.length = 0;
    const { query } = sync.database;
    sync.database.query = async (sql, parameters) => {
      if (/^\s*delete from elp.managed_grant/i.test(sql)) throw new Error('the disk is full');
      return query(sql, parameters);
    };
    try {
      await expect(sync.sync.reconcile()).rejects.toThrow('the disk is full');
    } finally {
      sync.database.query = query;
    }
    expect([facts.rolesOf('m2m|app1'), sync.changed]).toEqual([[], [{ tenant: 'default' }]]);
    // The next one has nothing to take, and so nobody to tell.
    await sync.sync.reconcile();
    expect(sync.changed).toEqual([{ tenant: 'default' }]);
  });

  it('machines have their own roles and no default one', async () => {
    logto.role('editor', 'MachineToMachine');
    logto.machines.set('app1', { id: 'app1', name: 'App' });
    logto.give('app1', 'editor');
    logto.organization('acme');
    logto.member('acme', 'app1', 'viewer');
    await reconcile();
    expect(facts.rolesOf('m2m|app1')).toEqual(['acme/viewer', 'default/editor']);
    expect((await reconcile()).total).toBe(0);
    logto.leave('acme', 'app1');
    logto.give('app1');
    await reconcile();
    expect(facts.rolesOf('m2m|app1')).toEqual([]);
    expect((await reconcile()).total).toBe(0);
  });

  it('mends what was lost: profile, suspension, its end, and a membership that ended', async () => {
    await hand.organization('acme');
    for (const id of ['ann', 'bob', 'cem']) await hand.register(id);
    for (const id of ['ann', 'bob', 'cem']) await hand.join('acme', id, 'editor');
    await hand.suspend('cem');
    await sync.settled();
    logto.put('ann', { primaryEmail: 'new@example.com' });
    logto.put('bob', { isSuspended: true });
    logto.put('cem', { isSuspended: false });
    logto.leave('acme', 'ann');
    await reconcile();
    expect(facts.users.get('ann')).toMatchObject({ email: 'new@example.com' });
    expect(facts.rolesOf('ann')).toEqual(['default/viewer']);
    expect(facts.rolesOf('bob')).toEqual([]);
    expect(facts.rolesOf('cem')).toEqual(['acme/editor', 'default/viewer']);
    expect((await reconcile()).total).toBe(0);
  });

  it('deletes after two 404s, a minute apart, never earlier', async () => {
    await hand.organization('acme');
    await hand.register('ann');
    await sync.settled();
    logto.remove('ann');
    logto.organizations.delete('acme');
    const first = await reconcile();
    expect(first.deletions).toMatchObject({ candidates: 2, waiting: 2, confirmed: 0 });
    sync.clock.advance(59_000);
    await reconcile();
    expect(facts.users.has('ann')).toBe(true);
    expect(facts.tenants.has('acme')).toBe(true);
    sync.clock.advance(2_000);
    expect((await reconcile()).deletions.confirmed).toBe(2);
    expect(facts.users.has('ann')).toBe(false);
    expect(facts.tenants.has('acme')).toBe(false);
    expect(sync.revoked.at(-1)).toMatchObject({ sub: 'ann', state: 'deleted' });
    expect((await reconcile()).total).toBe(0);
  });

  it('somebody who is seen again in between starts anew', async () => {
    await hand.register('ann');
    await sync.settled();
    const user = logto.users.get('ann');
    logto.users.delete('ann');
    await reconcile();
    logto.put('ann', user);
    sync.clock.advance(61_000);
    await sync.deliver('PostSignIn', { userId: 'ann', user });
    await sync.settled();
    logto.users.delete('ann');
    await reconcile();
    expect(facts.users.has('ann')).toBe(true);
  });

  it('so does somebody whom a listing shows in between', async () => {
    await hand.register('ann');
    await sync.settled();
    const user = logto.users.get('ann');
    logto.users.delete('ann');
    expect((await reconcile()).deletions).toMatchObject({ waiting: 1 });
    logto.put('ann', user);
    await reconcile();
    sync.clock.advance(7 * 86_400_000);
    logto.users.delete('ann');
    expect((await reconcile()).deletions).toMatchObject({ waiting: 1, confirmed: 0 });
    expect(facts.users.has('ann')).toBe(true);
  });

  it('an empty or wrong Logto cannot wipe the directory', async () => {
    for (let i = 0; i < 12; i += 1) await hand.register(`user${i}`);
    await sync.settled();
    logto.users.clear();
    logto.put('stranger');
    const writes = facts.writes();
    await expect(reconcile()).rejects.toBeInstanceOf(ReconcileRefused);
    sync.clock.advance(120_000);
    await expect(reconcile()).rejects.toBeInstanceOf(ReconcileRefused);
    expect(facts.writes()).toBe(writes);
    await reconcile({ maxDeletes: 1 });
    sync.clock.advance(61_000);
    await reconcile({ maxDeletes: 1 });
    expect([...facts.users.keys()]).toEqual(['stranger']);
  });

  it('a tombstone is kept against whoever brings the user back in the directory', async () => {
    await hand.register('ann');
    await hand.remove('ann');
    await sync.settled();
    facts.users.set('ann', { key: 'ann', email: null, first_name: null, last_name: null });
    facts.grant('ann', 'default', 'admin');
    await reconcile();
    expect(facts.users.has('ann')).toBe(false);
  });

  it('a hundred hourly runs change nothing that a person set', async () => {
    await hand.organization('acme');
    await hand.register('ann');
    await hand.join('acme', 'ann', 'editor');
    await sync.settled();
    facts.revoke('ann', 'default', 'viewer');
    facts.grant('ann', 'acme', 'admin');
    facts.grant('ann', 'acme', 'owner', 'reports:1');
    facts.users.set('ann', { ...facts.users.get('ann'), attributes: { plan: 'pro' } });
    facts.users.set('partner', { key: 'partner', email: 'p@example.com', first_name: null, last_name: null });
    facts.grant('partner', 'default', 'viewer');
    facts.tenants.set('lab', { key: 'lab', name: 'Lab', description: 'by hand' });
    const before = JSON.stringify([
      [...facts.users],
      [...facts.tenants],
      facts.rolesOf('ann'),
      facts.rolesOf('partner'),
    ]);
    const writes = facts.writes();
    for (let hour = 0; hour < 100; hour += 1) {
      sync.clock.advance(3_600_000);
      await sync.sync.reconcile();
    }
    await sync.settled();
    const after = JSON.stringify([
      [...facts.users],
      [...facts.tenants],
      facts.rolesOf('ann'),
      facts.rolesOf('partner'),
    ]);
    expect(after).toBe(before);
    expect(facts.writes()).toBe(writes);
  });

  it('one at a time over all instances', async () => {
    const lease = await takeReconcileLease(sync.database);
    await expect(reconcile()).rejects.toBeInstanceOf(ReconcileBusy);
    await lease.release();
    await expect(reconcile()).resolves.toMatchObject({ outcome: 'done' });
  });

  it('the next is due an hour after the last that ended, refused or not, and at once after one that died', async () => {
    const runs = createRunLog(sync.database, sync.clock);
    await reconcile({ dryRun: true });
    await runs.begin(false);
    expect(await runs.lastEndedMs()).toBeUndefined();

    for (let i = 0; i < 12; i += 1) logto.put(`user${i}`);
    await reconcile();
    const endedMs = sync.clock.now();
    sync.clock.advance(5_000);
    expect(await runs.lastEndedMs()).toBe(endedMs);

    logto.users.clear();
    logto.put('stranger');
    await expect(reconcile()).rejects.toBeInstanceOf(ReconcileRefused);
    expect(await runs.lastEndedMs()).toBe(endedMs + 5_000);

    sync.clock.advance(5_000);
    const lease = await takeReconcileLease(sync.database);
    expect(await runs.lastEndedMs()).toBe(sync.clock.now());
    await lease.release();
    expect(await runs.lastEndedMs()).toBe(endedMs + 5_000);
  });

  it('an interrupted run is taken up where it stopped', async () => {
    for (let i = 0; i < 40; i += 1) logto.put(`user${i}`);
    facts.setFault(({ path, method }) =>
      method === 'POST' && path.endsWith('/role_assignments/bulk') ? { status: 500 } : undefined,
    );
    await expect(reconcile()).rejects.toThrow();
    facts.setFault(undefined);
    await reconcile();
    for (let i = 0; i < 40; i += 1) expect(facts.rolesOf(`user${i}`)).toEqual(['default/viewer']);
    expect((await reconcile()).total).toBe(0);
  });

  it('one user who cannot go through does not stop the others', async () => {
    for (let i = 0; i < 20; i += 1) logto.put(`user${i}`);
    logto.put('twin', { primaryEmail: 'user3@example.com' });
    await reconcile();
    const without = [...logto.users.keys()].filter((id) => facts.rolesOf(id).length === 0);
    expect(without).toHaveLength(1);
    expect(['twin', 'user3']).toContain(without[0]);
  });

  it('one machine whose role the directory does not know keeps nothing from the others, nor the run from ending', async () => {
    logto.role('editor', 'MachineToMachine');
    logto.role('viewer', 'MachineToMachine');
    for (const id of ['app1', 'app2']) logto.machines.set(id, { id, name: id });
    logto.give('app1', 'editor');
    logto.give('app2', 'viewer');
    facts.setFault(({ method, path, body }) =>
      method === 'POST' && path.includes('/role_assignments') && JSON.stringify(body).includes('m2m|app1')
        ? { status: 404, body: { error_code: 'NOT_FOUND' } }
        : undefined,
    );
    await reconcile();
    expect([facts.rolesOf('m2m|app1'), facts.rolesOf('m2m|app2')]).toEqual([[], ['default/viewer']]);
    facts.setFault(undefined);
    await reconcile();
    expect(facts.rolesOf('m2m|app1')).toEqual(['default/editor']);
    expect((await reconcile()).total).toBe(0);
  });

  it('deliveries that Logto gave up are replayed', async () => {
    const user = logto.put('ann', { isSuspended: true, updatedAt: 5 });
    const body = { event: 'User.Created', createdAt: new Date(sync.clock.now()).toISOString(), data: user };
    logto.failed.push({ id: 'l1', createdAt: sync.clock.now(), body });
    expect((await reconcile()).replayed).toBe(1);
    expect(replayed).toEqual([JSON.stringify(body)]);
  });

  it('drift tells both directions, and metrics follow', async () => {
    logto.put('ann');
    facts.users.set('partner', { key: 'partner', email: null, first_name: null, last_name: null });
    facts.grant('partner', 'default', 'viewer');
    const drift = await sync.sync.drift();
    expect(drift).toMatchObject({ dryRun: true, foreign: { users: 1, roles: 1 }, changes: { create: 1 } });
    expect(facts.writes()).toBe(0);
    const text = await sync.metrics.metrics();
    expect(text).toContain('elp_drift{direction="logto-to-directory",kind="create"} 1');
    expect(text).toContain('elp_drift{direction="directory-to-logto",kind="users"} 1');
  });

  it('two names with one slug are reported', async () => {
    logto.role('Admin');
    expect((await reconcile()).conflicts).toEqual([['Admin', 'admin']]);
  });

  it('role letters bring on a reconcile', async () => {
    await hand.register('ann');
    await sync.settled();
    logto.give('ann', 'editor');
    await sync.deliver('Role.Created', { data: { id: 'r', name: 'editor', type: 'User' } });
    await sync.settled();
    const until = Date.now() + 10_000;
    while (!facts.rolesOf('ann').includes('default/editor') && Date.now() < until) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(facts.rolesOf('ann')).toEqual(['default/editor', 'default/viewer']);
  });

  it('reports progress', async () => {
    for (let i = 0; i < 120; i += 1) logto.put(`user${i}`);
    const phases: string[] = [];
    await reconcile({
      onProgress: (step: { phase: string; done: number }) => void phases.push(`${step.phase} ${step.done}`),
    });
    expect(phases).toEqual(expect.arrayContaining(['users 100', 'users 120', 'create 120']));
  });
});
