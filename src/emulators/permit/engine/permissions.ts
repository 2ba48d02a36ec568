import { abacPermissions } from './abac-permissions.ts';
import { type Attributes, noAttributes } from './attributes.ts';
import { decide } from './decide.ts';
import type { EngineOptions, EngineQuestion } from './question.ts';
import { keyOf, rolesOnObjects, typeOf, usersWithRole, type World } from './roles.ts';
import { TENANT_SCOPE } from './schema.ts';

export type PermissionsQuery = {
  user: EngineQuestion['user'];
  tenants?: readonly string[] | undefined;
  resources?: readonly string[] | undefined;
  resourceTypes?: readonly string[] | undefined;
  context?: Attributes | undefined;
};

type TenantBlock = { key: string; attributes: Attributes };
export type PermissionEntry = {
  tenant?: TenantBlock;
  resource?: TenantBlock & { type: string };
  permissions: string[];
  roles: string[];
};

/** Everything the user may do, by tenant (`__tenant:<key>`) and by object (`<type>:<key>`). */
export function userPermissions(world: World, query: PermissionsQuery): Record<string, PermissionEntry> {
  const entries = new Map<string, PermissionEntry>();
  for (const tenant of world.facts.tenantsOf(query.user.key)) {
    if (keepsTenant(query, tenant)) {
      entries.set(`__tenant:${tenant}`, tenantEntry(world, query.user.key, tenant));
    }
  }
  for (const [object, roles] of rolesOnObjects(world, query.user.key)) {
    if (keepsObject(world, query, object)) entries.set(object, objectEntry(world, object, [...roles]));
  }
  if (query.context?.enable_abac_user_permissions === true) {
    for (const { name, tenant, permission } of abacPermissions(world, query)) {
      const entry = entries.get(name) ?? { tenant: tenantBlock(world, tenant), permissions: [], roles: [] };
      if (!entry.permissions.includes(permission)) entry.permissions.push(permission);
      entries.set(name, entry);
    }
  }
  return Object.fromEntries(entries);
}

/** Named among the tenants or among the resources; when neither is asked for, all. */
function keepsTenant({ tenants, resources, resourceTypes }: PermissionsQuery, tenant: string): boolean {
  if (resourceTypes && !resourceTypes.includes(TENANT_SCOPE)) return false;
  const name = `__tenant:${tenant}`;
  if (!tenants && !resources) return true;
  return tenants?.some((one) => one === tenant || one === name) || resources?.includes(name) || false;
}

function keepsObject({ facts }: World, query: PermissionsQuery, object: string): boolean {
  const { tenants, resources, resourceTypes } = query;
  if (resourceTypes && !resourceTypes.includes(typeOf(object))) return false;
  const home = facts.instance(object)?.tenant;
  if (tenants && (home === undefined || !(tenants.includes(home) || tenants.includes(`__tenant:${home}`)))) {
    return false;
  }
  // Tenants among the resources narrow no objects; with no other resource there, all of them stay.
  const named = resources?.filter((name) => !name.startsWith(TENANT_SCOPE)) ?? [];
  return named.length === 0 || named.includes(object) || named.includes(keyOf(object));
}

const tenantBlock = ({ facts }: World, key: string): TenantBlock => ({
  key,
  attributes: facts.tenant(key) ?? noAttributes,
});

function tenantEntry(world: World, user: string, tenant: string): PermissionEntry {
  const { schema, facts } = world;
  const roles = facts.tenantRolesOf(user, tenant);
  const permissions = new Set(
    roles.flatMap((role) => granted(schema.role(TENANT_SCOPE, role)?.grants ?? new Map())),
  );
  return { tenant: tenantBlock(world, tenant), permissions: [...permissions], roles: [...roles] };
}

function objectEntry({ schema, facts }: World, object: string, roles: string[]): PermissionEntry {
  const instance = facts.instance(object);
  const permissions = new Set(
    roles.flatMap((role) => granted(schema.role(typeOf(object), role)?.grants ?? new Map())),
  );
  return {
    ...(instance
      ? { tenant: { key: instance.tenant, attributes: facts.tenant(instance.tenant) ?? noAttributes } }
      : {}),
    resource: {
      key: keyOf(object),
      type: typeOf(object),
      attributes: instance?.attributes ?? noAttributes,
    },
    permissions: [...permissions],
    roles,
  };
}

function granted(grants: ReadonlyMap<string, ReadonlySet<string>>): string[] {
  return [...grants].flatMap(([type, actions]) => [...actions].map((action) => `${type}:${action}`));
}

export type AuthorizedUser = { user: string; tenant: string; resource: string; role: string };

/** Who may do this there, and by which role. */
export function authorizedUsers(
  world: World,
  { action, resource }: Omit<EngineQuestion, 'user'>,
): { resource: string; tenant: string; users: Record<string, AuthorizedUser[]> } {
  const { schema, facts } = world;
  const name = `${resource.type}:${resource.key ?? '*'}`;
  // The real policy is undefined there, and what stands in for its answer names the default tenant.
  if (resource.tenant === undefined) return { resource: name, tenant: 'default', users: {} };
  const { tenant } = resource;
  const rows: AuthorizedUser[] = [];
  for (const user of facts.membersOf(tenant)) {
    for (const role of facts.tenantRolesOf(user, tenant)) {
      if (schema.role(TENANT_SCOPE, role)?.grants.get(resource.type)?.has(action)) {
        rows.push({ user, tenant, resource: `__tenant:${tenant}`, role });
      }
    }
  }
  if (resource.key !== undefined) {
    for (const [key, role] of schema.rolesIn(resource.type)) {
      if (!role.grants.get(resource.type)?.has(action)) continue;
      for (const holder of usersWithRole(world, name, key)) {
        rows.push({ user: holder.user, tenant, resource: holder.root, role: holder.role });
      }
    }
  }
  // Two roles of the object may rest on one assignment.
  const distinct = new Map(rows.map((row) => [`${row.user} ${row.resource} ${row.role}`, row]));
  const users = Map.groupBy(distinct.values(), (row) => row.user);
  return { resource: name, tenant, users: Object.fromEntries(users) };
}

/** The tenants that the user belongs to. */
export function tenantsOfUser({ facts }: World, user: string): TenantBlock[] {
  return [...facts.tenantsOf(user)].map((key) => ({ key, attributes: facts.tenant(key) ?? noAttributes }));
}

/** Where the question would be allowed: the tenants of a synced user, every tenant for an unknown one. */
export function allowedTenants(world: World, question: EngineQuestion, options: EngineOptions) {
  const { facts } = world;
  const user = question.user.key;
  const candidates = facts.user(user) ? facts.tenantsOf(user) : facts.tenants();
  return [...candidates]
    .map((tenant) => ({
      tenant: { key: tenant, attributes: facts.tenant(tenant) ?? noAttributes },
      decision: decide(world, { ...question, resource: { ...question.resource, tenant } }, options),
    }))
    .filter(({ decision }) => decision.allow);
}
