import { z } from 'zod';
import { found } from '../model/api-error.ts';
import type { Environment } from '../model/environment.ts';
import { createRole, deleteRole, planPermissions, saveRole, updateRole } from '../model/roles.ts';
import { replaceRoles } from '../model/roles-in-bulk.ts';
import type { ResourceRow, RoleRow } from '../model/rows.ts';
import { filtered, listed } from './paging.ts';
import { idsOf, inEnvironment, inEnvironmentWith, noContent, ok, type Route } from './route.ts';
import { optional, permissionList, tenantRoleCreate, tenantRoleUpdate, text } from './schemas.ts';

export function readRole(env: Environment, role: RoleRow, owner?: ResourceRow | undefined) {
  return {
    name: role.name,
    description: role.description,
    permissions: role.permissions,
    attributes: role.attributes,
    extends: role.extends,
    granted_to: role.granted_to && {
      when: { no_direct_roles_on_object: role.granted_to.no_direct_roles_on_object },
      id: role.granted_to.id,
      users_with_role: role.granted_to.rules.map((rule) => readRule(env, rule, owner)),
    },
    key: role.key,
    id: role.id,
    ...idsOf(env),
    ...(owner ? { resource_id: owner.id, resource: owner.key } : {}),
    created_at: role.created_at,
    updated_at: role.updated_at,
  };
}

export function readRule(
  env: Environment,
  rule: NonNullable<RoleRow['granted_to']>['rules'][number],
  owner: ResourceRow | undefined,
) {
  const source = env.resources.get(rule.on_resource);
  return {
    role_id: source?.roles.find(({ key }) => key === rule.role)?.id,
    resource_id: source?.id,
    relation_id: owner?.relations.find(({ key }) => key === rule.linked_by_relation)?.id,
    role: rule.role,
    on_resource: rule.on_resource,
    linked_by_relation: rule.linked_by_relation,
    when: { no_direct_roles_on_object: rule.no_direct_roles_on_object },
  };
}

/** Roles above (`extends`, transitively) or below. */
export function kin(
  roles: Iterable<RoleRow>,
  of: RoleRow,
  direction: 'ancestors' | 'descendants',
): RoleRow[] {
  const all = [...roles];
  const next = (role: RoleRow) =>
    all.filter((other) =>
      direction === 'ancestors' ? role.extends.includes(other.key) : other.extends.includes(role.key),
    );
  const found = new Set<RoleRow>();
  const open = [of];
  for (let role = open.pop(); role; role = open.pop()) {
    for (const relative of next(role)) {
      if (found.has(relative) || relative === of) continue;
      found.add(relative);
      open.push(relative);
    }
  }
  return [...found];
}

const bulkRole = z.strictObject({
  ...tenantRoleCreate.omit({ v1compat_is_built_in: true }).shape,
  resource: optional(text),
});

const ROLES = '/v2/schema/{proj_id}/{env_id}/roles';
const ROLE = `${ROLES}/{role_id}`;
const roleOf = (env: Environment, id = ''): RoleRow => found(env.roles.find(id), 'Role', id);
const answer = (env: Environment, role: RoleRow) => ok(readRole(env, role));

export const roleRoutes: readonly Route[] = [
  inEnvironmentWith(
    'PUT',
    '/v2/schema/{proj_id}/{env_id}/bulk/roles',
    z.strictObject({ operations: z.array(bulkRole) }),
    (env, { operations }) => ok(replaceRoles(env, operations)),
  ),
  inEnvironment('GET', ROLES, (env, { query }) => {
    const needle = query.text('search')?.toLowerCase() ?? '';
    const roles = filtered(
      env.roles.values(),
      ({ key, name }) => key.toLowerCase().includes(needle) || name.toLowerCase().includes(needle),
    );
    return ok(listed(roles, query, (role) => readRole(env, role)));
  }),
  inEnvironmentWith('POST', ROLES, tenantRoleCreate, (env, body) => answer(env, createRole(env, body))),
  inEnvironment('GET', ROLE, (env, { params }) => answer(env, roleOf(env, params.role_id))),
  inEnvironmentWith('PATCH', ROLE, tenantRoleUpdate, (env, body, { params }) =>
    answer(env, updateRole(env, params.role_id ?? '', body)),
  ),
  inEnvironment('DELETE', ROLE, (env, { params }) => {
    deleteRole(env, params.role_id ?? '');
    return noContent;
  }),
  inEnvironmentWith('POST', `${ROLE}/permissions`, permissionList, (env, body, { params }) => {
    const role = roleOf(env, params.role_id);
    const permissions = [...new Set([...role.permissions, ...planPermissions(env, body.permissions)])];
    return answer(env, saveRole(env, { ...role, permissions, updated_at: env.stamp() }));
  }),
  inEnvironmentWith('DELETE', `${ROLE}/permissions`, permissionList, (env, body, { params }) => {
    const role = roleOf(env, params.role_id);
    const gone = new Set(planPermissions(env, body.permissions));
    const permissions = role.permissions.filter((name) => !gone.has(name));
    return answer(env, saveRole(env, { ...role, permissions, updated_at: env.stamp() }));
  }),
  inEnvironment('GET', `${ROLE}/ancestors`, (env, { params }) =>
    ok({
      roles: kin(env.roles.values(), roleOf(env, params.role_id), 'ancestors').map((r) => readRole(env, r)),
    }),
  ),
  inEnvironment('GET', `${ROLE}/descendants`, (env, { params }) =>
    ok({
      roles: kin(env.roles.values(), roleOf(env, params.role_id), 'descendants').map((r) => readRole(env, r)),
    }),
  ),
];
