import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type Facts, startFacts } from '../support/sync-facts.ts';
import { type SyncHarness, startSync } from '../support/sync-harness.ts';

let facts: Facts;
let sync: SyncHarness;

beforeAll(async () => {
  facts = await startFacts();
  sync = await startSync({ facts });
});
afterAll(async () => {
  await sync.stop();
  await facts.close();
});
beforeEach(async () => {
  facts.reset();
  await sync.reset();
});

const user = (over: Record<string, unknown> = {}) => ({
  id: 'ann',
  username: null,
  primaryEmail: 'ann@example.com',
  name: 'Ann Example',
  profile: {},
  isSuspended: false,
  updatedAt: 1,
  ...over,
});
const params = { params: { userId: 'ann' } };
const at = (ms: number) => ({ createdAtMs: sync.clock.now() - 100_000 + ms });

describe('without a Management API the newest createdAt decides', () => {
  it('a registration makes the user with the default role', async () => {
    await sync.deliver('PostRegister', { userId: 'ann', user: user() });
    await sync.deliver('User.Created', { data: user() });
    await sync.settled();
    expect(facts.users.get('ann')).toMatchObject({
      email: 'ann@example.com',
      first_name: 'Ann',
      last_name: 'Example',
    });
    expect(facts.rolesOf('ann')).toEqual(['default/viewer']);
  });

  it('an older letter that arrives later changes nothing', async () => {
    await sync.deliver('User.Data.Updated', { ...params, data: user({ name: 'New Name' }) }, at(50));
    await sync.settled();
    await sync.deliver('User.Created', { data: user({ name: 'Old Name' }) }, at(10));
    await sync.settled();
    expect(facts.users.get('ann')).toMatchObject({ first_name: 'New' });
    expect(facts.rolesOf('ann')).toEqual(['default/viewer']);
  });

  it('a late lift does not undo a newer suspension, and the other way round', async () => {
    const event = 'User.SuspensionStatus.Updated';
    await sync.deliver('User.Created', { data: user() }, at(1));
    await sync.settled();
    await sync.deliver(event, { ...params, data: user({ isSuspended: true }) }, at(30));
    await sync.settled();
    await sync.deliver(event, { ...params, data: user({ isSuspended: false }) }, at(20));
    await sync.settled();
    expect(facts.rolesOf('ann')).toEqual([]);
    await sync.deliver(event, { ...params, data: user({ isSuspended: false }) }, at(40));
    await sync.settled();
    expect(facts.rolesOf('ann')).toEqual(['default/viewer']);
  });

  it('custom data steers nobody: not its owner, not another', async () => {
    await sync.deliver('User.Created', { data: user() }, at(1));
    await sync.settled();
    const before = facts.writes();
    const matchedRoute = '/users/:userId/custom-data';
    await sync.deliver(
      'User.Data.Updated',
      {
        ...params,
        matchedRoute,
        data: user({ id: 'victim', isSuspended: true, primaryEmail: 'evil@example.com' }),
      },
      at(5),
    );
    await sync.deliver(
      'User.Data.Updated',
      { ...params, matchedRoute, data: user({ isSuspended: true }) },
      at(6),
    );
    await sync.settled();
    expect(facts.writes()).toBe(before);
    expect(facts.users.has('victim')).toBe(false);
  });

  it('a profile letter brings names and keeps the rest', async () => {
    await sync.deliver('User.Created', { data: user() }, at(1));
    const matchedRoute = '/users/:userId/profile';
    await sync.deliver('User.Data.Updated', { ...params, matchedRoute, data: { givenName: 'Anna' } }, at(5));
    await sync.settled();
    expect(facts.users.get('ann')).toMatchObject({ email: 'ann@example.com', first_name: 'Anna' });
    await sync.deliver(
      'User.Data.Updated',
      { ...params, data: user({ primaryEmail: 'b@example.com' }) },
      at(3),
    );
    await sync.settled();
    expect(facts.users.get('ann')).toMatchObject({ email: 'b@example.com', first_name: 'Anna' });
  });

  it('membership before its user makes a stub without a role', async () => {
    await sync.deliver(
      'Organization.Membership.Updated',
      { organizationId: 'acme', addedUserIds: ['ann'] },
      at(1),
    );
    await sync.settled();
    expect(facts.users.get('ann')).toMatchObject({ key: 'ann', email: null });
    expect(facts.rolesOf('ann')).toEqual([]);
    expect(facts.tenants.has('acme')).toBe(true);
    await sync.deliver('User.Created', { data: user() }, at(2));
    await sync.settled();
    expect(facts.users.get('ann')).toMatchObject({ email: 'ann@example.com' });
    expect(facts.rolesOf('ann')).toEqual(['default/viewer']);
  });

  it('a removal strips the tenant, and a late addition does not bring it back', async () => {
    const event = 'Organization.Membership.Updated';
    await sync.deliver('User.Created', { data: user() }, at(1));
    await sync.deliver(event, { organizationId: 'acme', addedUserIds: ['ann'] }, at(2));
    await sync.settled();
    facts.grant('ann', 'acme', 'editor');
    facts.grant('ann', 'acme', 'owner', 'reports:1');
    await sync.deliver(event, { organizationId: 'acme', removedUserIds: ['ann'] }, at(9));
    await sync.settled();
    expect(facts.rolesOf('ann')).toEqual(['default/viewer']);
    await sync.deliver(event, { organizationId: 'acme', addedUserIds: ['ann'] }, at(3));
    await sync.settled();
    const { rows } = await sync.database.query('select member from elp.sync_membership');
    expect(rows).toEqual([{ member: false }]);
  });

  it('a deletion is final, with the create before it or after it', async () => {
    await sync.deliver('User.Deleted', { ...params, data: user() }, at(9));
    await sync.settled();
    await sync.deliver('User.Created', { data: user() }, at(1));
    await sync.deliver('User.Created', { data: user() }, at(20));
    await sync.settled();
    expect(facts.users.has('ann')).toBe(false);
    expect(sync.revoked).toMatchObject([{ sub: 'ann', state: 'deleted' }]);
  });

  it('organizations live and die by their letters', async () => {
    await sync.deliver('Organization.Data.Updated', { data: { id: 'acme', name: 'New' } }, at(5));
    await sync.settled();
    await sync.deliver('Organization.Created', { data: { id: 'acme', name: 'Old' } }, at(1));
    await sync.settled();
    expect(facts.tenants.get('acme')).toMatchObject({ name: 'New' });
    await sync.deliver('Organization.Deleted', { params: { id: 'acme' } }, at(8));
    await sync.settled();
    await sync.deliver('Organization.Data.Updated', { data: { id: 'acme', name: 'Ghost' } }, at(9));
    await sync.settled();
    expect(facts.tenants.has('acme')).toBe(false);
  });

  it('letters about nobody and about roles are done without a call', async () => {
    await sync.deliver('Role.Created', { data: { id: 'r1', name: 'admin' } });
    await sync.deliver('User.Data.Updated', { ...params, data: null });
    await sync.settled();
    expect(facts.requests).toEqual([]);
    expect(await sync.inbox.stats()).toMatchObject({ backlog: 0, dead: 0 });
  });
});
