import type { Journal } from './journal.ts';

export type Associations = ReturnType<typeof createAssociations>;

const none: ReadonlySet<string> = new Set();

/** Which user belongs to which tenant, with or without roles there; from both ends, and nothing besides. */
export function createAssociations(journal: Journal, name: string) {
  const tenants = new Map<string, Set<string>>();
  const users = new Map<string, Set<string>>();
  const keyOf = (user: string, tenant: string): string => `${tenant} ${user}`;

  function forget(user: string, tenant: string): void {
    remove(tenants, user, tenant);
    remove(users, tenant, user);
    journal.delete(name, keyOf(user, tenant));
  }

  return {
    has: (user: string, tenant: string): boolean => tenants.get(user)?.has(tenant) ?? false,
    tenantsOf: (user: string): ReadonlySet<string> => tenants.get(user) ?? none,
    usersOf: (tenant: string): ReadonlySet<string> => users.get(tenant) ?? none,
    *values(): Generator<{ user: string; tenant: string }> {
      for (const [user, of] of tenants) for (const tenant of of) yield { user, tenant };
    },
    add(user: string, tenant: string): void {
      insert(tenants, user, tenant);
      insert(users, tenant, user);
      journal.put(name, keyOf(user, tenant), { user, tenant });
    },
    deleteUser(user: string): void {
      for (const tenant of [...(tenants.get(user) ?? [])]) forget(user, tenant);
    },
    deleteTenant(tenant: string): void {
      for (const user of [...(users.get(tenant) ?? [])]) forget(user, tenant);
    },
    clear(): void {
      tenants.clear();
      users.clear();
      journal.clear(name);
    },
    /** Reads back what the journal has; nothing is written. */
    restore(): void {
      for (const { user, tenant } of journal.all<{ user: string; tenant: string }>(name)) {
        insert(tenants, user, tenant);
        insert(users, tenant, user);
      }
    },
  };
}

function insert(index: Map<string, Set<string>>, key: string, item: string): void {
  const set = index.get(key);
  if (set) set.add(item);
  else index.set(key, new Set([item]));
}

function remove(index: Map<string, Set<string>>, key: string, item: string): void {
  const set = index.get(key);
  if (set?.delete(item) && set.size === 0) index.delete(key);
}
