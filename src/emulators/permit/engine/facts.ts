import { type Attributes, noAttributes } from './attributes.ts';
import { addTo, membersAt, removeFrom, type StringSets } from './string-sets.ts';

export type Instance = { tenant: string; attributes: Attributes };
export type RoleHolding = { user: string; role: string; tenant: string; instance?: string | undefined };
export type Tuple = { subject: string; relation: string; object: string };

const noRoles: readonly string[] = [];

export type Facts = ReturnType<typeof createFacts>;

/**
 * Users, tenants, instances, role assignments and relationship tuples, indexed from both ends: every change
 * and every question touches only what it names. Where two keys lead to a fact, the one with fewer values comes
 * first: in a large world each step to a map that was not just used waits for memory.
 */
export function createFacts() {
  const users = new Map<string, Attributes>();
  const tenants = new Map<string, Attributes>();
  const instances = new Map<string, Instance>();
  /** tenant → user → role keys; an empty list is a mere association. */
  const tenantRoles = new Map<string, Map<string, readonly string[]>>();
  /** user → `type:key` → role keys. */
  const objectRoles = new Map<string, Map<string, readonly string[]>>();
  /** Most users hold one of few combinations of roles: each is kept once. */
  const combinations = new Map<string, readonly string[]>();
  /** user → tenants. */
  const memberships: StringSets = new Map();
  const holders: StringSets = new Map();
  /** relation → object → subjects, and the reverse. */
  const subjects = new Map<string, StringSets>();
  const objects = new Map<string, StringSets>();

  function combination(roles: readonly string[]): readonly string[] {
    const name = roles.join();
    const known = combinations.get(name);
    if (known) return known;
    combinations.set(name, roles);
    return roles;
  }

  function insert(of: Map<string, readonly string[]>, where: string, role?: string): void {
    const before = of.get(where);
    if (role === undefined) {
      if (!before) of.set(where, noRoles);
    } else if (!before?.includes(role)) of.set(where, combination([...(before ?? noRoles), role]));
  }

  function discard(of: Map<string, readonly string[]> | undefined, where: string, role: string): void {
    const before = of?.get(where);
    if (before?.includes(role)) of?.set(where, combination(before.filter((other) => other !== role)));
  }

  return {
    user: (key: string) => users.get(key),
    tenant: (key: string) => tenants.get(key),
    tenants: () => tenants.keys(),
    users: () => users.keys(),
    instance: (name: string) => instances.get(name),
    instances: () => instances.entries(),
    tenantRolesOf: (user: string, tenant: string) => tenantRoles.get(tenant)?.get(user) ?? noRoles,
    tenantsOf: (user: string) => membersAt(memberships, user),
    isMember: (user: string, tenant: string) => tenantRoles.get(tenant)?.has(user) ?? false,
    hasTenantRoles: (user: string) =>
      [...membersAt(memberships, user)].some((tenant) => tenantRoles.get(tenant)?.get(user)?.length),
    rolesOn: (user: string, object: string) => objectRoles.get(user)?.get(object) ?? noRoles,
    objectRolesOf: (user: string): ReadonlyMap<string, readonly string[]> | undefined =>
      objectRoles.get(user),
    membersOf: (tenant: string): Iterable<string> => tenantRoles.get(tenant)?.keys() ?? noRoles,
    holdersOf: (object: string) => membersAt(holders, object),
    subjectsOf: (object: string, relation: string) => membersAt(subjects.get(relation), object),
    objectsOf: (subject: string, relation: string) => membersAt(objects.get(relation), subject),

    putUser(key: string, attributes: Attributes): void {
      users.set(key, attributes);
    },
    /** Roles go one by one, with their own changes; what is left is the association with tenants. */
    deleteUser(key: string): void {
      users.delete(key);
      for (const tenant of membersAt(memberships, key)) drop(tenantRoles, tenant, key);
      for (const object of objectRoles.get(key)?.keys() ?? []) removeFrom(holders, object, key);
      memberships.delete(key);
      objectRoles.delete(key);
    },
    putTenant(key: string, attributes: Attributes): void {
      tenants.set(key, attributes);
    },
    deleteTenant(key: string): void {
      tenants.delete(key);
      for (const user of tenantRoles.get(key)?.keys() ?? []) removeFrom(memberships, user, key);
      tenantRoles.delete(key);
    },
    putInstance(name: string, tenant: string, attributes: Attributes = noAttributes): void {
      instances.set(name, { tenant, attributes });
    },
    deleteInstance(name: string): void {
      instances.delete(name);
    },
    associate(user: string, tenant: string): void {
      insert(mapOf(tenantRoles, tenant), user);
      addTo(memberships, user, tenant);
    },
    assign({ user, role, tenant, instance }: RoleHolding): void {
      if (instance === undefined) {
        insert(mapOf(tenantRoles, tenant), user, role);
        addTo(memberships, user, tenant);
      } else {
        insert(mapOf(objectRoles, user), instance, role);
        addTo(holders, instance, user);
      }
    },
    unassign({ user, role, tenant, instance }: RoleHolding): void {
      if (instance === undefined) {
        // The association stays: the vendor's own role for it does, too.
        discard(tenantRoles.get(tenant), user, role);
        return;
      }
      discard(objectRoles.get(user), instance, role);
      if (objectRoles.get(user)?.get(instance)?.length === 0) {
        drop(objectRoles, user, instance);
        removeFrom(holders, instance, user);
      }
    },
    relate({ subject, relation, object }: Tuple): void {
      addTo(mapOf(subjects, relation), object, subject);
      addTo(mapOf(objects, relation), subject, object);
    },
    unrelate({ subject, relation, object }: Tuple): void {
      removeFrom(subjects.get(relation), object, subject);
      removeFrom(objects.get(relation), subject, object);
    },
  };
}

function mapOf<Value>(index: Map<string, Map<string, Value>>, key: string): Map<string, Value> {
  let inner = index.get(key);
  if (!inner) {
    inner = new Map();
    index.set(key, inner);
  }
  return inner;
}

function drop<Value>(index: Map<string, Map<string, Value>>, outer: string, inner: string): void {
  const map = index.get(outer);
  if (map?.delete(inner) && map.size === 0) index.delete(outer);
}
