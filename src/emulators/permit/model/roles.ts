import type { Attributes } from '../engine/attributes.ts';
import { ApiError, found, notFound, requireAbsent } from './api-error.ts';
import { dropAssignment } from './cascades.ts';
import { dropRule } from './condition-set-cascades.ts';
import type { Environment } from './environment.ts';
import { sent } from './input.ts';
import { publishRole } from './publish.ts';
import type { AssignmentRow, DerivationRow, ResourceRow, RoleRow } from './rows.ts';

export type DerivationInput = {
  role: string;
  on_resource: string;
  linked_by_relation: string;
  when?: { no_direct_roles_on_object?: boolean | null | undefined } | null | undefined;
};

export type RoleChanges = {
  name?: string | undefined;
  description?: string | null | undefined;
  permissions?: readonly string[] | null | undefined;
  attributes?: Attributes | null | undefined;
  extends?: readonly string[] | null | undefined;
  granted_to?:
    | {
        when?: { no_direct_roles_on_object?: boolean | null | undefined } | null | undefined;
        users_with_role?: readonly DerivationInput[] | null | undefined;
      }
    | null
    | undefined;
};
export type RoleInput = RoleChanges & { key: string; name: string };

/** Where a role lives: among tenant roles, or in a resource that may be in the making. */
export type RoleScope = {
  roles: Iterable<RoleRow>;
  /** For bare action keys; tenant roles have none. */
  resource?: Pick<ResourceRow, 'key' | 'actions' | 'relations'>;
  /** Resources that the same call has changed already; the others are read from the environment. */
  changed?: ReadonlyMap<string, ResourceRow>;
};

/** @throws {ApiError} for unknown permissions, parents or derivations. */
export function planRole(
  env: Environment,
  scope: RoleScope,
  input: RoleInput,
  before?: RoleRow | undefined,
): RoleRow {
  const now = env.stamp();
  const base: RoleRow = before ?? {
    id: env.newId(),
    key: input.key,
    name: input.name,
    description: null,
    permissions: [],
    extends: [],
    attributes: null,
    granted_to: null,
    created_at: now,
    updated_at: now,
  };
  const {
    name,
    description,
    attributes,
    permissions,
    extends: parents,
    granted_to: derivation,
  } = sent(input);
  return {
    ...base,
    ...sent({ name, description, attributes }),
    ...(permissions === undefined
      ? {}
      : { permissions: planPermissions(env, permissions ?? [], scope.resource) }),
    ...(parents === undefined ? {} : { extends: planParents(scope.roles, base.key, parents ?? []) }),
    ...(derivation === undefined ? {} : { granted_to: planDerivation(env, scope, base, derivation) }),
    updated_at: now,
  };
}

/** Permissions as `resource:action`, from ids, full names or, on a resource role, bare action keys. */
export function planPermissions(
  env: Environment,
  permissions: readonly string[],
  own?: Pick<ResourceRow, 'key' | 'actions'> | undefined,
): string[] {
  return [...new Set(permissions.map((permission) => planPermission(env, permission, own)))];
}

export function planPermission(
  env: Environment,
  permission: string,
  own?: Pick<ResourceRow, 'key' | 'actions'> | undefined,
): string {
  const [type = '', action, ...rest] = permission.split(':');
  if (action === undefined) {
    const mine = own?.actions.find((row) => row.key === permission || row.id === permission);
    if (own && mine) return `${own.key}:${mine.key}`;
    for (const resource of env.resources.values()) {
      const row = resource.actions.find(({ id }) => id === permission);
      if (row) return `${resource.key}:${row.key}`;
    }
    if (own) notFound(`Action of resource '${own.key}'`, permission);
  }
  if (!type || !action || rest.length > 0) {
    throw new ApiError('INVALID_PERMISSION_FORMAT', 'a permission is an action id or <resource>:<action>');
  }
  const resource = own?.key === type ? own : found(env.resources.find(type), 'Resource', type);
  const row = resource.actions.find(({ key, id }) => key === action || id === action);
  return `${resource.key}:${found(row, `Action of resource '${resource.key}'`, action).key}`;
}

function planParents(roles: Iterable<RoleRow>, self: string, parents: readonly string[]): string[] {
  const known = [...roles];
  const keys = parents.map(
    (parent) =>
      found(
        known.find(({ key, id }) => key === parent || id === parent),
        'Role',
        parent,
      ).key,
  );
  const byKey = new Map(known.map((role) => [role.key, role]));
  const above = (key: string, seen = new Set<string>()): Set<string> => {
    if (seen.has(key)) return seen;
    seen.add(key);
    for (const parent of byKey.get(key)?.extends ?? []) above(parent, seen);
    return seen;
  };
  if (keys.some((key) => above(key).has(self))) {
    throw new ApiError('INVALID_INPUT', `role '${self}' cannot extend itself`);
  }
  return [...new Set(keys)];
}

function planDerivation(
  env: Environment,
  scope: RoleScope,
  role: RoleRow,
  derivation: NonNullable<RoleChanges['granted_to']> | null,
): RoleRow['granted_to'] {
  if (derivation === null) return null;
  if (!scope.resource) throw new ApiError('INVALID_INPUT', 'only a resource role is derived from others');
  const resource = scope.resource;
  return {
    id: role.granted_to?.id ?? env.newId(),
    no_direct_roles_on_object: derivation.when?.no_direct_roles_on_object ?? false,
    rules: (derivation.users_with_role ?? []).map((rule) =>
      planRule(env, resource, rule, scope.roles, scope.changed),
    ),
  };
}

/** @throws {ApiError} `NOT_FOUND`, or `MISMATCH_RELATION_TYPE` when the relation leads elsewhere. */
export function planRule(
  env: Environment,
  resource: Pick<ResourceRow, 'key' | 'relations'>,
  rule: DerivationInput,
  siblings: Iterable<RoleRow>,
  changed?: RoleScope['changed'],
): DerivationRow {
  const relation = found(
    resource.relations.find(
      ({ key, id }) => key === rule.linked_by_relation || id === rule.linked_by_relation,
    ),
    `Relation of resource '${resource.key}'`,
    rule.linked_by_relation,
  );
  const own = rule.on_resource === resource.key;
  const source = own ? undefined : found(env.resources.find(rule.on_resource), 'Resource', rule.on_resource);
  const on = source?.key ?? resource.key;
  const roles = source ? (changed?.get(on) ?? source).roles : [...siblings];
  const role = found(
    roles.find(({ key, id }) => key === rule.role || id === rule.role),
    `Role of resource '${on}'`,
    rule.role,
  );
  if (relation.subject_resource !== on) {
    throw new ApiError(
      'MISMATCH_RELATION_TYPE',
      `relation '${relation.key}' takes subjects of type '${relation.subject_resource}'`,
    );
  }
  return {
    role: role.key,
    on_resource: on,
    linked_by_relation: relation.key,
    no_direct_roles_on_object: rule.when?.no_direct_roles_on_object ?? false,
  };
}

export function createRole(env: Environment, input: RoleInput): RoleRow {
  requireAbsent(env.roles.get(input.key), 'Role', input.key);
  return saveRole(env, planRole(env, { roles: env.roles.values() }, input));
}

export function updateRole(env: Environment, keyOrId: string, changes: RoleChanges): RoleRow {
  const before = found(env.roles.find(keyOrId), 'Role', keyOrId);
  const input = { ...changes, key: before.key, name: changes.name ?? before.name };
  return saveRole(env, planRole(env, { roles: env.roles.values() }, input, before));
}

export function saveRole(env: Environment, role: RoleRow): RoleRow {
  env.roles.put(role);
  publishRole(env, role);
  return role;
}

/** The role, its assignments, and its place in what extends it. */
export function deleteRole(env: Environment, keyOrId: string): void {
  const { key } = found(env.roles.find(keyOrId), 'Role', keyOrId);
  env.batch(() => {
    dropAssignmentsOf(env, (row) => row.instance === null && row.role === key);
    for (const role of [...env.roles.values()]) {
      if (role.extends.includes(key)) {
        saveRole(env, { ...role, extends: role.extends.filter((parent) => parent !== key) });
      }
    }
    for (const rule of [...env.rules.values()]) {
      if (rule.user_set === `__autogen_${key}`) dropRule(env, rule);
    }
    env.roles.delete(key);
    env.replica.publish(({ schema }) => schema.deleteRole('__tenant', key));
  });
}

/** Assignments of a resource role go with it. */
export function dropRoleAssignments(env: Environment, type: string, role: string): void {
  dropAssignmentsOf(env, (row) => row.role === role && row.instance?.startsWith(`${type}:`) === true);
}

/** Roles go seldom: looking at every assignment then costs less than an index of a million of them always. */
function dropAssignmentsOf(env: Environment, test: (row: AssignmentRow) => boolean): void {
  for (const row of [...env.assignments.values()]) if (test(row)) dropAssignment(env, row);
}
