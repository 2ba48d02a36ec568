import type { LedgerEntry } from './ledger.ts';

export type RoleChange = { key: string; id: string };

/** What has to be done so that the directory agrees with Logto; `look` is left to the worker of each subject. */
export type ReconcilePlan = {
  /** Unknown to both the books and the directory: made with their roles, people with the default one as well. */
  create: string[];
  /** Known to the directory before we kept books: booked as they are. */
  adopt: string[];
  /** One by one, from the present state: profile, suspension, a membership that ended, a user who was removed. */
  look: { key: string; why: string }[];
  assign: RoleChange[];
  unassign: RoleChange[];
  /** Held already when we would have given it: noted, never taken. */
  note: RoleChange[];
  forget: RoleChange[];
  join: { key: string; tenant: string }[];
  /** Machines that left an organization; people are looked at one by one. */
  leave: { key: string; tenant: string }[];
  /** Logto does not list them; deleted when it says so twice. */
  missing: string[];
  /** In the directory, neither at Logto nor in the books: somebody else's. */
  foreign: { users: number; roles: number };
};

export const emptyPlan = (): ReconcilePlan => ({
  create: [],
  adopt: [],
  look: [],
  assign: [],
  unassign: [],
  note: [],
  forget: [],
  join: [],
  leave: [],
  missing: [],
  foreign: { users: 0, roles: 0 },
});

export const isMachine = (key: string): boolean => key.startsWith('m2m|');

/** Why a known user has to be looked at alone, if at all. */
function reasonToLook(key: string, entry: LedgerEntry): string | undefined {
  if (isMachine(key)) return undefined;
  if (!entry.settled) return 'unfinished';
  if (entry.state === 'deleted') return entry.there === undefined ? undefined : 'deleted';
  if (entry.suspended && entry.state === 'active') return 'suspend';
  if (!entry.suspended && entry.state === 'suspended') return 'restore';
  if (entry.state === 'suspended' && (entry.held.length > 0 || entry.holdsInstances)) return 'suspend';
  if (entry.there === undefined) return 'create';
  if (entry.there !== entry.wanted) return 'update';
  if (entry.booked.some((tenant) => !entry.member.includes(tenant))) return 'leave';
  if (!entry.defaultDecided && entry.state === 'active') return 'default';
  return undefined;
}

function planRoles(plan: ReconcilePlan, key: string, entry: LedgerEntry): void {
  for (const id of entry.roles) {
    const booked = entry.grants.some((g) => g.source === 'logto' && g.id === id);
    if (!entry.held.includes(id)) plan.assign.push({ key, id });
    else if (!booked) plan.note.push({ key, id });
  }
  for (const grant of entry.grants) {
    if (grant.source !== 'logto' || entry.roles.includes(grant.id)) continue;
    const shared = grant.found || entry.grants.some((g) => g !== grant && g.id === grant.id);
    if (entry.held.includes(grant.id) && !shared) plan.unassign.push({ key, id: grant.id });
    else plan.forget.push({ key, id: grant.id });
  }
  for (const tenant of entry.member) if (!entry.booked.includes(tenant)) plan.join.push({ key, tenant });
}

function planEntry(plan: ReconcilePlan, key: string, entry: LedgerEntry): void {
  const listed = entry.wanted !== undefined;
  if (entry.state === undefined) {
    if (!listed) {
      plan.foreign.users += 1;
      plan.foreign.roles += entry.held.length;
    } else if (entry.suspended) plan.look.push({ key, why: 'suspend' });
    else if (entry.there === undefined) plan.create.push(key);
    else plan.adopt.push(key);
    return;
  }
  if (!listed && !isMachine(key) && entry.state !== 'deleted') {
    plan.missing.push(key);
    return;
  }
  if (isMachine(key)) {
    if (entry.there === undefined && entry.roles.length > 0) plan.create.push(key);
    for (const tenant of entry.booked) if (!entry.member.includes(tenant)) plan.leave.push({ key, tenant });
  }
  const why = reasonToLook(key, entry);
  if (why) plan.look.push({ key, why });
  else if (entry.state === 'active') planRoles(plan, key, entry);
  const ours = (id: string) => entry.roles.includes(id) || entry.grants.some((g) => g.id === id);
  plan.foreign.roles += entry.held.filter((id) => !ours(id)).length;
}

/**
 * Compares the directory with Logto, against our own books. Only what the books call Logto's is ever taken:
 * a default that an administrator removed stays removed, and what a person or the application granted stays.
 */
export function planReconcile(entries: Iterable<readonly [string, LedgerEntry]>): ReconcilePlan {
  const plan = emptyPlan();
  for (const [key, entry] of entries) planEntry(plan, key, entry);
  return plan;
}

/** Changes that the plan makes; nothing to do is nothing at all. */
export const sizeOf = (plan: ReconcilePlan): number =>
  plan.create.length +
  plan.adopt.length +
  plan.look.length +
  plan.assign.length +
  plan.unassign.length +
  plan.note.length +
  plan.forget.length +
  plan.join.length +
  plan.leave.length +
  plan.missing.length;
