import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Principal } from '../../src/auth/principal.ts';
import { UpstreamUnavailable } from '../../src/errors.ts';
import { type Facts, startFacts } from '../support/sync-facts.ts';
import { createLogtoHand, type SyncHarness, startSync } from '../support/sync-harness.ts';
import { type Identities, startIdentities } from '../support/sync-identities.ts';

let facts: Facts;
let logto: Identities;
let sync: SyncHarness;
let blind: SyncHarness;
let hand: ReturnType<typeof createLogtoHand>;

beforeAll(async () => {
  facts = await startFacts();
  logto = await startIdentities();
  sync = await startSync({ facts, logto });
  blind = await startSync({ facts });
  hand = createLogtoHand(logto, sync);
});
afterAll(async () => {
  await sync.stop();
  await blind.stop();
  await facts.close();
  await logto.close();
});
beforeEach(async () => {
  facts.reset();
  logto.reset();
  await sync.reset();
  await blind.reset();
  logto.role('viewer');
  logto.role('editor');
});

const principal = (sub: string, kind: 'user' | 'machine' = 'user') =>
  ({ kind, sub, key: kind === 'user' ? sub : `m2m|${sub}`, tenant: 'default' }) as Principal;

describe('the first request before the webhook', () => {
  it('makes the user, once, with Logto’s roles and the default; the webhook finds it done', async () => {
    logto.put('ann', { name: 'Ann Example', updatedAt: 1 });
    logto.give('ann', 'editor');
    const asked = await Promise.all(Array.from({ length: 10 }, () => sync.sync.provision(principal('ann'))));
    expect(asked).toEqual(Array.from({ length: 10 }, () => true));
    expect(facts.rolesOf('ann')).toEqual(['default/editor', 'default/viewer']);
    expect(facts.users.get('ann')).toMatchObject({ first_name: 'Ann' });
    const before = facts.writes();
    await hand.register('ann', { name: 'Ann Example' });
    await sync.settled();
    expect(facts.writes()).toBe(before);
  });

  it('works without a Management API too, and the webhook adds the profile', async () => {
    expect(await blind.sync.provision(principal('ann'))).toBe(true);
    expect(facts.rolesOf('ann')).toEqual(['default/viewer']);
    await blind.deliver('User.Created', {
      data: { id: 'ann', isSuspended: false, primaryEmail: 'ann@example.com' },
    });
    await blind.settled();
    expect(facts.users.get('ann')).toMatchObject({ email: 'ann@example.com' });
    expect(facts.rolesOf('ann')).toEqual(['default/viewer']);
  });

  it('never a machine', async () => {
    expect(await sync.sync.provision(principal('app', 'machine'))).toBe(false);
    expect(facts.requests).toEqual([]);
    expect(logto.requests).toEqual([]);
  });

  it('nobody who is suspended, deleted, unknown to Logto, or known to us', async () => {
    logto.put('sus', { isSuspended: true });
    expect(await sync.sync.provision(principal('sus'))).toBe(false);
    expect(await sync.sync.provision(principal('ghost'))).toBe(false);
    await hand.register('gone');
    await hand.register('plain');
    await sync.settled();
    await hand.remove('gone');
    await sync.settled();
    facts.revoke('plain', 'default', 'viewer');
    sync.clock.advance(60_000);
    const writes = facts.writes();
    expect(await sync.sync.provision(principal('gone'))).toBe(false);
    expect(await sync.sync.provision(principal('plain'))).toBe(false);
    expect(facts.writes()).toBe(writes);
    expect(facts.rolesOf('plain')).toEqual([]);
  });

  it('nobody whom the directory knew before us', async () => {
    logto.put('erin');
    facts.users.set('erin', { key: 'erin', email: 'erin@example.com', first_name: null, last_name: null });
    expect(await sync.sync.provision(principal('erin'))).toBe(false);
    await sync.settled();
    expect(facts.rolesOf('erin')).toEqual([]);
  });

  it.each<[string, () => void]>([
    ['Logto down', () => logto.setFault(() => ({ status: 500 }))],
    ['directory down', () => facts.setFault(() => ({ status: 500 }))],
    [
      'directory refuses our key',
      () => facts.setFault(({ path }) => (path.includes('/facts/') ? { status: 403 } : undefined)),
    ],
  ])('%s is an outage, never a denial', async (_, breakIt) => {
    logto.put('ann');
    breakIt();
    await expect(sync.sync.provision(principal('ann'))).rejects.toBeInstanceOf(UpstreamUnavailable);
  });

  it('a directory that fails half-way is finished by the worker', async () => {
    logto.put('ann');
    facts.setFault(({ method, path }) =>
      method === 'POST' && path.endsWith('/role_assignments') ? { status: 500 } : undefined,
    );
    await expect(sync.sync.provision(principal('ann'))).rejects.toBeInstanceOf(UpstreamUnavailable);
    facts.setFault(undefined);
    await sync.later(3_600_000);
    expect(facts.rolesOf('ann')).toEqual(['default/viewer']);
  });

  it('a flood of unknown subjects is no flood of calls', async () => {
    const subjects = Array.from({ length: 500 }, (_, i) => `ghost${i}`);
    for (const sub of subjects) expect(await sync.sync.provision(principal(sub))).toBe(false);
    const first = logto.requests.length;
    expect(first).toBeLessThanOrEqual(20 * 4);
    for (let i = 0; i < 200; i += 1) await sync.sync.provision(principal('ghost1'));
    expect(logto.requests.length).toBe(first);
    sync.clock.advance(120_000);
    logto.put('real');
    expect(await sync.sync.provision(principal('real'))).toBe(true);
  });
});
