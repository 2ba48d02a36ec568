import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createArchive } from '../../src/inbox/archive.ts';
import { type Facts, startFacts } from '../support/sync-facts.ts';
import { createLogtoHand, type SyncHarness, startSync } from '../support/sync-harness.ts';
import { type Identities, startIdentities } from '../support/sync-identities.ts';

let facts: Facts;
let logto: Identities;
let sync: SyncHarness;
let hand: ReturnType<typeof createLogtoHand>;

beforeAll(async () => {
  facts = await startFacts();
  logto = await startIdentities();
  sync = await startSync({ facts, logto });
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
  for (const name of ['admin', 'editor', 'viewer']) {
    logto.role(name);
    logto.organizationRole(name);
  }
  await sync.reset();
});

async function open(letters = 0) {
  const stats = await sync.inbox.stats();
  expect(stats).toMatchObject({ dead: 0, backlog: letters });
}

describe('registration', () => {
  it('c-42 two letters make one user with one default role', async () => {
    await hand.register('ann', { name: 'Ann Example' });
    await sync.settled();
    expect(facts.users.get('ann')).toMatchObject({
      email: 'ann@example.com',
      first_name: 'Ann',
      last_name: 'Example',
    });
    expect(facts.rolesOf('ann')).toEqual(['default/viewer']);
    expect(
      facts.requests.filter((r) => r.method === 'POST' && r.path.endsWith('/role_assignments')),
    ).toHaveLength(1);
    await open();
  });

  it('gives the roles that Logto has, never what a payload claims', async () => {
    const user = logto.put('ann', { updatedAt: 1 });
    logto.give('ann', 'editor');
    await sync.deliver('User.Created', {
      data: { ...user, roles: ['admin'], role: 'admin' },
      roles: ['admin'],
    });
    await sync.settled();
    expect(facts.rolesOf('ann')).toEqual(['default/editor', 'default/viewer']);
  });

  it('the default is given once in a life', async () => {
    await hand.register('ann');
    await sync.settled();
    facts.revoke('ann', 'default', 'viewer');
    await hand.register('ann');
    await hand.update('ann', { name: 'Ann' });
    await sync.settled();
    expect(facts.rolesOf('ann')).toEqual([]);
  });

  it('c-53 the console’s test payload writes nothing', async () => {
    await sync.deliver(
      'PostRegister',
      { userId: 'fake-id', user: { id: 'fake-id', isSuspended: false } },
      { subjects: ['user:fake-id'] },
    );
    await sync.deliver(
      'User.Created',
      { data: { id: 'fake-id', isSuspended: false } },
      { subjects: ['user:fake-id'] },
    );
    await sync.settled();
    expect(facts.writes()).toBe(0);
    await open();
  });

  it('a burst of the same user does each write once', async () => {
    await Promise.all(Array.from({ length: 20 }, () => hand.register('ann')));
    await sync.settled();
    expect(facts.rolesOf('ann')).toEqual(['default/viewer']);
    expect(facts.requests.filter((r) => r.method === 'PUT')).toHaveLength(1);
  });
});

describe('changes', () => {
  it('a profile change travels, and what a person set in the directory stays', async () => {
    await hand.register('ann');
    await sync.settled();
    facts.users.set('ann', { ...facts.users.get('ann'), attributes: { plan: 'pro' } });
    facts.grant('ann', 'default', 'janitor');
    await hand.update('ann', { primaryEmail: 'new@example.com', profile: { givenName: 'Anna' } });
    await sync.settled();
    expect(facts.users.get('ann')).toMatchObject({
      email: 'new@example.com',
      first_name: 'Anna',
      attributes: { plan: 'pro' },
    });
    expect(facts.rolesOf('ann')).toEqual(['default/janitor', 'default/viewer']);
  });

  it('c-43 an update before its create ends as Logto has it', async () => {
    const user = logto.put('ann', { name: 'New', updatedAt: 20 });
    await sync.deliver('User.Data.Updated', { params: { userId: 'ann' }, data: user });
    await sync.deliver(
      'User.Created',
      { data: { ...user, name: 'Old', updatedAt: 10 } },
      { createdAtMs: sync.clock.now() - 5000 },
    );
    await sync.settled();
    expect(facts.users.get('ann')).toMatchObject({ first_name: 'New' });
    expect(facts.rolesOf('ann')).toEqual(['default/viewer']);
    await open();
  });

  it('roles are read again at each sign-in', async () => {
    await hand.register('ann');
    await sync.settled();
    logto.give('ann', 'admin');
    await sync.deliver('PostSignIn', { userId: 'ann', user: logto.users.get('ann') });
    await sync.settled();
    expect(facts.rolesOf('ann')).toEqual(['default/admin', 'default/viewer']);
    expect(sync.changed).toContainEqual({ user: 'ann' });
    logto.give('ann');
    await sync.deliver('PostSignIn', { userId: 'ann', user: logto.users.get('ann') });
    await sync.settled();
    expect(facts.rolesOf('ann')).toEqual(['default/viewer']);
  });

  it('two role names with one slug give nothing to anybody', async () => {
    logto.role('Admin');
    await hand.register('ann');
    logto.give('ann', 'Admin', 'admin');
    await sync.settled();
    expect(facts.rolesOf('ann')).toEqual(['default/viewer']);
  });
});

describe('deletion', () => {
  it('c-45 deletes the user, ends his sessions and stays, whatever old create comes back', async () => {
    await hand.register('ann');
    await sync.settled();
    await hand.remove('ann');
    await sync.settled();
    expect(facts.users.has('ann')).toBe(false);
    expect(sync.revoked).toEqual([{ sub: 'ann', at: expect.any(Date), state: 'deleted' }]);
    sync.clock.advance(90 * 86_400_000);
    await sync.deliver('User.Created', { data: { id: 'ann', isSuspended: false } }, { createdAtMs: 1 });
    await sync.deliver('Organization.Membership.Updated', { organizationId: 'acme', addedUserIds: ['ann'] });
    logto.organization('acme');
    await sync.settled();
    expect(facts.users.has('ann')).toBe(false);
    await open();
  });

  it('c-46 stays deleted when the old create itself comes back after its record has expired', async () => {
    const user = logto.put('ann', { updatedAt: 1 });
    const body = { event: 'User.Created', createdAt: new Date(sync.clock.now()).toISOString(), data: user };
    const delivery = {
      rawBody: Buffer.from(JSON.stringify(body)),
      event: body.event,
      createdAt: new Date(body.createdAt),
      payload: body,
      subjects: ['user:ann'],
    };
    expect(await sync.inbox.receive(delivery)).toBe('stored');
    await sync.settled();
    expect(facts.users.has('ann')).toBe(true);
    await hand.remove('ann');
    await sync.settled();
    expect(await sync.inbox.receive(delivery)).toBe('duplicate');
    await sync.later(31 * 86_400_000);
    await createArchive(sync).removeOld();
    // The very same bytes, and nobody remembers them.
    expect(await sync.inbox.receive(delivery)).toBe('stored');
    await sync.settled();
    expect(facts.users.has('ann')).toBe(false);
    await open();
  });

  it('c-44 delete before create leaves a tombstone and no error', async () => {
    const user = {
      id: 'ann',
      isSuspended: false,
      username: null,
      primaryEmail: null,
      name: null,
      updatedAt: 1,
    };
    await sync.deliver('User.Deleted', { params: { userId: 'ann' }, data: user });
    await sync.settled();
    await sync.deliver('User.Created', { data: user }, { createdAtMs: sync.clock.now() - 1000 });
    await sync.settled();
    expect(facts.users.has('ann')).toBe(false);
    await open();
  });

  it('a 404 on anything else is tried again, and is no deletion', async () => {
    await hand.register('ann');
    await sync.settled();
    const user = logto.users.get('ann');
    logto.users.delete('ann');
    await sync.deliver('PostSignIn', { userId: 'ann', user });
    await sync.settled();
    expect(facts.rolesOf('ann')).toEqual(['default/viewer']);
    await open(1);
    logto.put('ann', user);
    await sync.later(3_600_000);
    await open();
  });

  it('an announced deletion of somebody who is still there takes the roles, and waits', async () => {
    await hand.register('ann');
    await sync.settled();
    await sync.deliver('User.Deleted', { params: { userId: 'ann' }, data: logto.users.get('ann') });
    await sync.settled();
    expect(facts.users.has('ann')).toBe(true);
    expect(facts.rolesOf('ann')).toEqual([]);
    logto.remove('ann');
    await sync.later(3_600_000);
    expect(facts.users.has('ann')).toBe(false);
    await open();
  });
});

describe('suspension', () => {
  it('c-56 takes every role and ends the sessions, and gives exactly those roles back', async () => {
    await hand.organization('acme');
    await hand.register('ann');
    await hand.join('acme', 'ann', 'editor');
    await sync.settled();
    facts.grant('ann', 'acme', 'janitor');
    facts.grant('ann', 'acme', 'owner', 'reports:1');
    facts.grant('ann', 'default', 'reader', 'reports:2');
    const before = facts.rolesOf('ann');
    expect(before).toHaveLength(5);
    await hand.suspend('ann');
    await sync.settled();
    expect(facts.rolesOf('ann')).toEqual([]);
    expect(sync.revoked.at(-1)).toMatchObject({ sub: 'ann', state: 'suspended' });
    await hand.suspend('ann', false);
    await sync.settled();
    expect(facts.rolesOf('ann')).toEqual(before);
    expect(sync.revoked.at(-1)).toMatchObject({ sub: 'ann', state: 'active' });
    await open();
  });

  it('an object that went away meanwhile does not come back with the role', async () => {
    await hand.register('ann');
    await sync.settled();
    facts.grant('ann', 'default', 'owner', 'reports:1');
    await hand.suspend('ann');
    await sync.settled();
    facts.instances.delete('reports:1');
    await hand.suspend('ann', false);
    await sync.settled();
    expect(facts.rolesOf('ann')).toEqual(['default/viewer']);
    expect(facts.instances.has('reports:1')).toBe(false);
  });

  it('a tenant made by hand is none of Logto’s: its role comes back, and no reconcile deletes it', async () => {
    await hand.register('ann');
    await sync.settled();
    facts.tenants.set('partner', { key: 'partner', name: 'Partner', attributes: null });
    facts.grant('ann', 'partner', 'janitor');
    for (const suspended of [true, false]) {
      await hand.suspend('ann', suspended);
      await sync.settled();
    }
    expect(facts.rolesOf('ann')).toEqual(['default/viewer', 'partner/janitor']);
    for (let run = 0; run < 2; run += 1) {
      await sync.sync.reconcile();
      await sync.later(120_000);
    }
    expect(facts.tenants.get('partner')).toMatchObject({ name: 'Partner' });
    expect(facts.rolesOf('ann')).toEqual(['default/viewer', 'partner/janitor']);
  });

  it('a tenant made by hand that went away meanwhile holds nothing up, and is not made anew', async () => {
    await hand.register('ann');
    await sync.settled();
    facts.tenants.set('partner', { key: 'partner', name: 'Partner', attributes: null });
    facts.grant('ann', 'partner', 'janitor');
    await hand.suspend('ann');
    await sync.settled();
    facts.tenants.delete('partner');
    await hand.suspend('ann', false);
    await sync.settled();
    expect(facts.rolesOf('ann')).toEqual(['default/viewer']);
    expect(facts.tenants.has('partner')).toBe(false);
    expect(await sync.inbox.stats()).toMatchObject({ backlog: 0, dead: 0 });
  });

  it('a stale read does not lift it: the stricter state holds until a newer read', async () => {
    await hand.register('ann');
    await sync.settled();
    const user = logto.users.get('ann');
    const updatedAt = sync.clock.advance(1000);
    await sync.deliver('User.SuspensionStatus.Updated', {
      params: { userId: 'ann' },
      data: { ...user, isSuspended: true, updatedAt },
    });
    await sync.settled();
    expect(facts.rolesOf('ann')).toEqual([]);
    await open(1);
    logto.put('ann', { isSuspended: true, updatedAt });
    await sync.later(3_600_000);
    expect(facts.rolesOf('ann')).toEqual([]);
    await open();
  });

  it('a suspension that came and went unseen still ends the tokens of its time', async () => {
    await hand.register('ann');
    await sync.settled();
    await hand.suspend('ann');
    await hand.suspend('ann', false);
    await sync.settled();
    expect(sync.revoked.at(-1)).toMatchObject({ sub: 'ann', state: 'active' });
    expect(facts.rolesOf('ann')).toEqual(['default/viewer']);
  });

  it('somebody who is suspended from the start holds nothing', async () => {
    await hand.register('ann', { isSuspended: true });
    await sync.settled();
    expect(facts.users.has('ann')).toBe(true);
    expect(facts.rolesOf('ann')).toEqual([]);
    await hand.suspend('ann', false);
    await sync.settled();
    expect(facts.rolesOf('ann')).toEqual(['default/viewer']);
  });
});

describe('organizations', () => {
  it('become tenants, are renamed and go, with all that was in them', async () => {
    await hand.organization('acme', 'Acme');
    await hand.register('ann');
    await hand.join('acme', 'ann', 'admin');
    await sync.settled();
    expect(facts.tenants.get('acme')).toMatchObject({ name: 'Acme' });
    expect(facts.rolesOf('ann')).toEqual(['acme/admin', 'default/viewer']);
    logto.organization('acme', 'Acme Inc.');
    await sync.deliver('Organization.Data.Updated', { data: { id: 'acme', name: 'Acme Inc.' } });
    await sync.settled();
    expect(facts.tenants.get('acme')).toMatchObject({ name: 'Acme Inc.' });
    await hand.removeOrganization('acme');
    await sync.settled();
    expect(facts.tenants.has('acme')).toBe(false);
    expect(facts.rolesOf('ann')).toEqual(['default/viewer']);
    await sync.deliver('Organization.Created', { data: { id: 'acme', name: 'Acme' } }, { createdAtMs: 1 });
    await sync.settled();
    expect(facts.tenants.has('acme')).toBe(false);
    await open();
  });

  it('a membership that is told before its user and its organization (just in time)', async () => {
    logto.organization('acme', 'Acme');
    const user = logto.put('ann', { updatedAt: 1 });
    logto.member('acme', 'ann', 'editor');
    await sync.deliver('Organization.Membership.Updated', { organizationId: 'acme', addedUserIds: ['ann'] });
    await sync.settled();
    await sync.deliver('User.Created', { data: user });
    await sync.settled();
    expect(facts.rolesOf('ann')).toEqual(['acme/editor', 'default/viewer']);
    expect(facts.tenants.get('acme')).toMatchObject({ name: 'Acme' });
    await open();
  });

  it('whoever leaves loses everything there, also what a person gave, and nothing elsewhere', async () => {
    await hand.organization('acme');
    await hand.register('ann');
    await hand.join('acme', 'ann', 'admin');
    await sync.settled();
    facts.grant('ann', 'acme', 'janitor');
    facts.grant('ann', 'acme', 'owner', 'reports:1');
    facts.grant('ann', 'default', 'janitor');
    await hand.leave('acme', 'ann');
    await sync.settled();
    expect(facts.rolesOf('ann')).toEqual(['default/janitor', 'default/viewer']);
    await hand.join('acme', 'ann', 'editor');
    await sync.settled();
    expect(facts.rolesOf('ann')).toEqual(['acme/editor', 'default/janitor', 'default/viewer']);
  });

  it('a delta that names nobody is compared with the members', async () => {
    await hand.organization('acme');
    await hand.register('ann');
    await hand.register('bob');
    await hand.join('acme', 'ann', 'admin');
    await sync.settled();
    logto.leave('acme', 'ann');
    logto.member('acme', 'bob', 'editor');
    await sync.deliver('Organization.Membership.Updated', { organizationId: 'acme' });
    await sync.settled();
    expect(facts.rolesOf('ann')).toEqual(['default/viewer']);
    expect(facts.rolesOf('bob')).toEqual(['acme/editor', 'default/viewer']);
  });

  it('a suspended user who leaves does not get that tenant back', async () => {
    await hand.organization('acme');
    await hand.register('ann');
    await hand.join('acme', 'ann', 'admin');
    await hand.suspend('ann');
    await sync.settled();
    await hand.leave('acme', 'ann');
    await hand.suspend('ann', false);
    await sync.settled();
    expect(facts.rolesOf('ann')).toEqual(['default/viewer']);
  });

  it('never touches the default tenant', async () => {
    await sync.deliver('Organization.Deleted', { params: { id: 'default' } });
    await sync.settled();
    expect(facts.tenants.has('default')).toBe(true);
  });
});
