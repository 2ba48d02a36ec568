import { personNameOf } from './person-name.ts';
import type { DirectoryUser } from './ports.ts';
import { factsOf, type Letters, profileOf, type Reading } from './present-user.ts';
import type { SubjectRecord } from './subject-record.ts';
import type { Membership } from './subject-store.ts';

/**
 * What the letters alone say of a user, where no Management API is configured: for each part the newest
 * `createdAt` wins, against what earlier letters said as well. Roles cannot be known this way, and no payload
 * gives one.
 */
export function readAnnouncedUser(options: {
  userId: string;
  letters: Letters;
  record: SubjectRecord;
  memberships: readonly Membership[];
  present: DirectoryUser | undefined;
  defaultTenant: string;
}): Reading {
  const { userId, record, present, defaultTenant } = options;
  const facts = factsOf(userId, options.letters);
  const newest = facts.findLast((f) => f.user && f.atMs >= record.markMs);
  const newestProfile = facts.findLast((f) => (f.profile || f.user) && f.atMs >= record.profileMarkMs);
  const deleted = facts.some((f) => f.deleted);

  const names = newestProfile?.user
    ? personNameOf(newestProfile.user)
    : newestProfile?.profile && (newestProfile.profile.givenName || newestProfile.profile.familyName)
      ? personNameOf({ name: null, profile: newestProfile.profile })
      : present && {
          ...(present.firstName ? { firstName: present.firstName } : {}),
          ...(present.lastName ? { lastName: present.lastName } : {}),
        };
  const email = newest?.user ? profileOf(newest.user).email : present?.email;

  const memberships = new Map(options.memberships.map((m) => [m.tenant, m]));
  for (const { membership, atMs } of facts) {
    if (!membership || membership.organization === defaultTenant) continue;
    const { organization: tenant, member } = membership;
    if ((memberships.get(tenant)?.markMs ?? 0) > atMs) continue;
    memberships.set(tenant, { tenant, member, markMs: atMs, settled: member });
  }
  const left = [...memberships.values()].filter((m) => !m.member && !m.settled).map((m) => m.tenant);
  const suspended = newest?.user ? newest.user.isSuspended : record.state === 'suspended';

  return {
    wanted: {
      state: deleted ? 'deleted' : suspended ? 'suspended' : 'active',
      registered: facts.some((f) => f.registration || f.user !== undefined),
      registration: facts.some((f) => f.registration),
      profile: { ...(email ? { email } : {}), ...names },
      left,
    },
    tenants: new Map([...memberships.values()].filter((m) => m.member).map((m) => [m.tenant, m.tenant])),
    memberships: [...memberships.values()].map((m) => ({ ...m, settled: true })),
    markMs: newest?.atMs ?? 0,
    ...(newestProfile ? { profileMarkMs: newestProfile.atMs } : {}),
    stale: false,
  };
}
