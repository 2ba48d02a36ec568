import type { SubjectView, Wanted } from './plan-subject.ts';
import type { Assignment } from './ports.ts';
import { type ManagedGrant, sameRole } from './subject-record.ts';

export type GrantPlan = {
  /** What the user should hold after all. */
  stay: Assignment[];
  keep: ManagedGrant[];
  forget: ManagedGrant[];
  defaultDecided: boolean;
};

type Question = SubjectView & {
  wanted: Wanted;
  /** What the user holds, or would hold but for the suspension. */
  have: readonly Assignment[];
  /** False while suspended: nothing new is given. */
  give: boolean;
};

const roleOnly = (a: Assignment) => !a.resourceInstance;

/**
 * Which tenant roles are ours to give and to take. Permit marks no assignment, so only those with a mark of our
 * own are ever taken: a person's grant, the application's, and a default that somebody removed stay as they are.
 */
export function planGrants(question: Question): GrantPlan {
  const { key, record, grants, wanted, defaults, have, give } = question;
  // Somebody synced this user before we kept any book: what agrees with Logto is Logto's from now on.
  const adopting = !record.known && question.present.user !== undefined;
  const held = (grant: { tenant: string; role: string }) =>
    have.some((a) => roleOnly(a) && sameRole(a, grant));
  const lost = (grant: ManagedGrant) =>
    wanted.left.includes(grant.tenant) ||
    (grant.source === 'logto' && wanted.roles !== undefined && !wanted.roles.some((r) => sameRole(r, grant)));

  const forget = grants.filter(lost);
  const keep = grants.filter((grant) => !lost(grant));
  const fresh: ManagedGrant[] = [];
  const mark = (role: { tenant: string; role: string }, source: 'logto' | 'default') => {
    const there = held(role);
    fresh.push({ ...role, source, found: there && !(adopting && source === 'logto'), done: there });
  };

  if (give || adopting) {
    for (const role of wanted.roles ?? []) {
      if (wanted.left.includes(role.tenant)) continue;
      if (!keep.some((g) => g.source === 'logto' && sameRole(g, role)) && (give || held(role)))
        mark(role, 'logto');
    }
  }
  const due = give && wanted.registered && !record.defaultDecided;
  if (due && (wanted.registration || !adopting)) mark(defaults, 'default');

  const ours = [...keep, ...fresh];
  // Logto's roles are given again when they are missing; a default only when we never got round to it.
  const given = ours
    .filter((g) => give && (g.source === 'logto' || (g.source === 'default' && !g.done)))
    .filter((g) => !held(g));
  const taken = forget.filter((g) => !g.found && !ours.some((other) => sameRole(other, g)));

  const added = given.filter((g, i) => given.findIndex((other) => sameRole(other, g)) === i);
  return {
    stay: [
      ...have.filter((a) => !(roleOnly(a) && taken.some((g) => sameRole(g, a)))),
      ...added.map(({ tenant, role }) => ({ user: key, role, tenant })),
    ],
    keep: ours,
    forget,
    defaultDecided: record.defaultDecided || due || (adopting && wanted.registered),
  };
}
