import { describe, expect, it } from '@jest/globals';
import { letterFactsOf } from '../../src/sync/letter-facts.ts';
import { membershipDeltaOf } from '../../src/sync/membership-delta.ts';

const createdAt = new Date('2026-08-21T10:00:00.123Z');
const user = { id: 'u1', username: null, primaryEmail: 'a@example.com', name: 'Alice', isSuspended: false };
const facts = (event: string, payload: unknown, id = 'u1') =>
  letterFactsOf(id, { event, createdAt, payload });

describe('what a letter says about a user', () => {
  it('reads the user where each event keeps it', () => {
    expect(facts('PostRegister', { userId: 'u1', user }).user?.primaryEmail).toBe('a@example.com');
    expect(facts('User.Created', { data: user }).user?.primaryEmail).toBe('a@example.com');
    expect(facts('User.Created', { data: user }).registration).toBe(true);
    expect(facts('User.Data.Updated', { data: user, params: { userId: 'u1' } }).registration).toBe(false);
  });

  it('a registration without its user is one all the same', () => {
    expect(facts('PostRegister', { userId: 'u1' })).toMatchObject({ registration: true });
  });

  it('params.userId wins over data.id', () => {
    const payload = { params: { userId: 'u1' }, data: { ...user, id: 'victim', isSuspended: true } };
    expect(facts('User.SuspensionStatus.Updated', payload, 'victim').user).toBeUndefined();
    expect(facts('User.SuspensionStatus.Updated', payload).user).toBeUndefined();
  });

  it('believes nothing that the custom-data route sends', () => {
    const payload = {
      params: { userId: 'u1' },
      matchedRoute: '/users/:userId/custom-data',
      data: { ...user, primaryEmail: 'evil@example.com', isSuspended: true },
    };
    expect(facts('User.Data.Updated', payload)).toEqual({
      atMs: createdAt.getTime(),
      registration: false,
      deleted: false,
      suspensionChanged: false,
    });
  });

  it('takes the names alone from the profile route', () => {
    const payload = {
      params: { userId: 'u1' },
      matchedRoute: '/users/:userId/profile',
      data: { givenName: 'Alicia', id: 'victim' },
    };
    expect(facts('User.Data.Updated', payload)).toMatchObject({ profile: { givenName: 'Alicia' } });
    expect(facts('User.Data.Updated', payload).user).toBeUndefined();
  });

  it.each([null, 'text', 7, [], {}, { data: null }, { data: { id: 7 } }, { user: [] }])(
    'survives %j',
    (payload) => {
      expect(facts('User.Created', payload).user).toBeUndefined();
    },
  );

  it('membership: added, removed, and the removal of old versions that name nobody', () => {
    const event = 'Organization.Membership.Updated';
    expect(facts(event, { organizationId: 'o1', addedUserIds: ['u1'] }).membership).toEqual({
      organization: 'o1',
      member: true,
    });
    expect(facts(event, { organizationId: 'o1', removedUserIds: ['u1'] }).membership?.member).toBe(false);
    const old = { organizationId: 'o1', method: 'DELETE', params: { id: 'o1', userId: 'u1' } };
    expect(facts(event, old).membership?.member).toBe(false);
    expect(facts(event, { organizationId: 'o1', addedUserIds: ['u2'] }).membership).toBeUndefined();
  });
});

describe('delta of a membership letter', () => {
  it('is complete when it names somebody and is not cut', () => {
    expect(membershipDeltaOf({ addedUserIds: ['a'], removedUserIds: ['b'] })).toEqual({
      added: ['a'],
      removed: ['b'],
      applications: false,
      complete: true,
    });
  });
  it.each([
    ['absent', {}],
    ['cut', { addedUserIds: Array.from({ length: 5000 }, (_, i) => `u${i}`) }],
    ['of another type', { addedUserIds: 'u1', removedUserIds: [7, null, ''] }],
  ])('is not complete when %s', (_, payload) => expect(membershipDeltaOf(payload).complete).toBe(false));
  it('old versions name the removed user in the path only', () => {
    expect(membershipDeltaOf({ method: 'DELETE', params: { userId: 'u1' } })).toMatchObject({
      removed: ['u1'],
      complete: true,
    });
  });
  it('machines are told apart', () => {
    expect(membershipDeltaOf({ addedApplicationIds: ['m'] })).toMatchObject({
      applications: true,
      complete: true,
    });
  });
});
