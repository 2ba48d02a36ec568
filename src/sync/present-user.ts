import { type LetterFacts, letterFactsOf } from './letter-facts.ts';
import { personNameOf } from './person-name.ts';
import type { Wanted } from './plan-subject.ts';
import type { IdentitySource, LogtoUser } from './ports.ts';
import type { RoleNames } from './role-names.ts';
import type { Membership } from './subject-store.ts';

export type Reading = {
  wanted: Wanted;
  /** Names of the tenants that the roles are in. */
  tenants: Map<string, string>;
  memberships: Membership[];
  markMs: number;
  profileMarkMs?: number;
  /** What was read is older than what was announced: the stricter state holds until a newer read. */
  stale: boolean;
};

export type Letters = readonly { event: string; createdAt: Date; payload: unknown }[];

export const profileOf = (user: LogtoUser): NonNullable<Wanted['profile']> => ({
  ...(user.primaryEmail ? { email: user.primaryEmail } : {}),
  ...personNameOf(user),
});

/** Newest last; of two in one millisecond the stricter one counts as newer. */
export function factsOf(userId: string, letters: Letters): LetterFacts[] {
  const strictness = (f: LetterFacts) => (f.deleted ? 2 : f.user?.isSuspended ? 1 : 0);
  return letters
    .map((letter) => letterFactsOf(userId, letter))
    .sort(
      (a, b) =>
        a.atMs - b.atMs ||
        (a.user?.updatedAt ?? 0) - (b.user?.updatedAt ?? 0) ||
        strictness(a) - strictness(b),
    );
}

/** Signed words about a user that are newer than what Logto's own API answers. */
function isStale(user: LogtoUser, facts: readonly LetterFacts[]): boolean {
  return facts.some(
    (f) =>
      f.deleted ||
      (f.user?.updatedAt !== undefined && f.user.updatedAt > (user.updatedAt ?? Number.MAX_VALUE)),
  );
}

/**
 * Reads what Logto says of a user at this moment. The letters only tell that it may have changed, and whether
 * the read can be trusted.
 *
 * @returns `undefined` when Logto answers that there is no such user
 */
export async function readPresentUser(options: {
  userId: string;
  letters: Letters;
  identities: IdentitySource;
  roleNames: RoleNames;
  memberships: readonly Membership[];
  defaultTenant: string;
  nowMs: number;
}): Promise<Reading | undefined> {
  const { userId, identities, defaultTenant, nowMs } = options;
  const facts = factsOf(userId, options.letters);
  const [user, roles, organizations] = await Promise.all([
    identities.user(userId),
    identities.rolesOfUser(userId),
    identities.organizationsOfUser(userId),
  ]);
  if (!user) return undefined;

  const names = [...roles, ...organizations.flatMap((o) => o.organizationRoles)].map((r) => r.name);
  const maps = await options.roleNames.maps(names);
  const wantedRoles = [
    ...roles
      .filter((role) => role.type === 'User')
      .map((role) => ({ tenant: defaultTenant, role: maps.global.keyOf(role.name) })),
    ...organizations.flatMap((o) =>
      o.organizationRoles.map((role) => ({ tenant: o.id, role: maps.organization.keyOf(role.name) })),
    ),
  ].filter((r): r is { tenant: string; role: string } => r.role !== undefined);

  const present = new Set(organizations.map((o) => o.id));
  const mentioned = facts.flatMap((f) => (f.membership?.member === false ? [f.membership.organization] : []));
  const before = options.memberships.filter((m) => m.member || !m.settled).map((m) => m.tenant);
  const left = [...new Set([...before, ...mentioned])].filter((t) => !present.has(t) && t !== defaultTenant);
  const stale = isStale(user, facts);
  const stricter = user.isSuspended || (stale && facts.some((f) => f.deleted || f.user?.isSuspended));

  return {
    wanted: {
      state: stricter ? 'suspended' : 'active',
      registered: true,
      registration: facts.some((f) => f.registration),
      profile: profileOf(user),
      roles: wantedRoles,
      left,
    },
    tenants: new Map(organizations.map((o) => [o.id, o.name])),
    memberships: [
      ...[...present].map((tenant) => ({ tenant, member: true, markMs: nowMs, settled: true })),
      ...left.map((tenant) => ({ tenant, member: false, markMs: nowMs, settled: true })),
    ],
    markMs: Math.max(0, ...facts.map((f) => f.atMs)),
    stale,
  };
}
