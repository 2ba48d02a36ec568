import type { SubjectState } from './subject-record.ts';

/** `tenant` and `role` in one string: a hundred thousand of them are mostly the same few. */
export const roleId = (tenant: string, role: string): string => `${tenant}\n${role}`;

export function roleOf(id: string): { tenant: string; role: string } {
  const cut = id.indexOf('\n');
  return { tenant: id.slice(0, cut), role: id.slice(cut + 1) };
}

export type ProfileText = string;

/** A profile as one comparable string. */
export const profileText = (p: { email?: string; firstName?: string; lastName?: string }): ProfileText =>
  JSON.stringify([p.email ?? '', p.firstName ?? '', p.lastName ?? '']);

export function profileOfText(text: ProfileText): { email?: string; firstName?: string; lastName?: string } {
  const [email, firstName, lastName] = JSON.parse(text) as string[];
  return {
    ...(email ? { email } : {}),
    ...(firstName ? { firstName } : {}),
    ...(lastName ? { lastName } : {}),
  };
}

export type BookedGrant = { id: string; source: 'logto' | 'default' | 'app'; found: boolean; done: boolean };

/** Everything that reconcile knows of one user or machine; lists are shared between equal entries. */
export type LedgerEntry = {
  /** Profile at the directory; `undefined` when it has no such user. */
  there: ProfileText | undefined;
  /** Tenant roles held at the directory. */
  held: readonly string[];
  /** Holds roles on single objects; which ones is looked up when it matters. */
  holdsInstances: boolean;
  /** Profile at Logto; `undefined` when Logto does not list the user. */
  wanted: ProfileText | undefined;
  suspended: boolean;
  /** Roles by Logto. */
  roles: readonly string[];
  /** Organizations by Logto. */
  member: readonly string[];
  /** Our own books; `state` is `undefined` when there is no row. */
  state: SubjectState | undefined;
  version: number;
  settled: boolean;
  defaultDecided: boolean;
  grants: readonly BookedGrant[];
  /** Memberships in the books. */
  booked: readonly string[];
};

const nothing: readonly never[] = Object.freeze([]);

/** Reconcile's working memory: one small entry a subject, so that a hundred thousand fit. */
export function createLedger() {
  const entries = new Map<string, LedgerEntry>();
  const longer = new WeakMap<readonly string[], Map<string, readonly string[]>>();
  const longerGrants = new WeakMap<readonly BookedGrant[], Map<string, readonly BookedGrant[]>>();

  function entry(key: string): LedgerEntry {
    let found = entries.get(key);
    if (!found) {
      found = {
        there: undefined,
        held: nothing,
        holdsInstances: false,
        wanted: undefined,
        suspended: false,
        roles: nothing,
        member: nothing,
        state: undefined,
        version: 0,
        settled: true,
        defaultDecided: false,
        grants: nothing,
        booked: nothing,
      };
      entries.set(key, found);
    }
    return found;
  }

  /** The one shared list that is `list` and `item`: found by identity, so that a hundred thousand leave no litter. */
  function plus(list: readonly string[], item: string): readonly string[] {
    if (list.includes(item)) return list;
    const next = longer.get(list) ?? new Map<string, readonly string[]>();
    longer.set(list, next);
    const shared = next.get(item);
    if (shared) return shared;
    const made = [...list, item];
    if (next.size < 1000) next.set(item, made);
    return made;
  }

  function plusGrant(list: readonly BookedGrant[], item: BookedGrant): readonly BookedGrant[] {
    const next = longerGrants.get(list) ?? new Map<string, readonly BookedGrant[]>();
    longerGrants.set(list, next);
    const name = `${item.source}${item.found ? '+' : '-'}${item.done ? '+' : '-'}${item.id}`;
    const shared = next.get(name);
    if (shared) return shared;
    const made = [...list, item];
    if (next.size < 1000) next.set(name, made);
    return made;
  }

  return { entries, entry, plus, plusGrant };
}

export type Ledger = ReturnType<typeof createLedger>;
