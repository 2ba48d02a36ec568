import { found, requireAbsent } from '../model/api-error.ts';
import type { Environment } from '../model/environment.ts';
import { addPart, partOf, removePart, replacePart } from '../model/resource-parts.ts';
import { planPermissions, planRole, planRule, type RoleChanges } from '../model/roles.ts';
import type { DerivationRow, ResourceRow, RoleRow } from '../model/rows.ts';
import { onePage } from './paging.ts';
import { resourceOf } from './resource-routes.ts';
import { kin, readRole, readRule } from './role-routes.ts';
import { type Call, inEnvironment, inEnvironmentWith, noContent, ok, type Route } from './route.ts';
import { derivationRule, derivationSettings, permissionList, roleCreate, roleUpdate } from './schemas.ts';

const ROLES = '/v2/schema/{proj_id}/{env_id}/resources/{resource_id}/roles';
const ROLE = `${ROLES}/{role_id}`;
const GRANTS = `${ROLE}/implicit_grants`;

function lookUp(env: Environment, { params }: Call): { resource: ResourceRow; role: RoleRow } {
  const resource = resourceOf(env, params.resource_id);
  return { resource, role: partOf(resource, 'roles', params.role_id ?? '') };
}

/** Stores the changed role and answers with it, as its resource stands afterwards. */
function save(env: Environment, resource: ResourceRow, role: RoleRow) {
  return ok(readRole(env, replacePart(env, resource, 'roles', role), resource));
}

function withRules(
  env: Environment,
  role: RoleRow,
  change: (rules: readonly DerivationRow[]) => DerivationRow[],
) {
  const block = role.granted_to ?? { id: env.newId(), no_direct_roles_on_object: false, rules: [] };
  return { ...role, granted_to: { ...block, rules: change(block.rules) } };
}

const sameRule = (one: DerivationRow, other: DerivationRow): boolean =>
  one.role === other.role &&
  one.on_resource === other.on_resource &&
  one.linked_by_relation === other.linked_by_relation;

const roleRoutes: readonly Route[] = [
  inEnvironment('GET', ROLES, (env, { params, query }) => {
    const resource = resourceOf(env, params.resource_id);
    return ok(onePage(resource.roles, query, (role) => readRole(env, role, resource)));
  }),
  inEnvironmentWith('POST', ROLES, roleCreate, (env, body, { params }) => {
    const resource = resourceOf(env, params.resource_id);
    const role = planRole(env, { roles: resource.roles, resource }, body);
    return ok(readRole(env, addPart(env, resource, 'roles', role), resource));
  }),
  inEnvironment('GET', ROLE, (env, call) => {
    const { resource, role } = lookUp(env, call);
    return ok(readRole(env, role, resource));
  }),
  inEnvironmentWith('PATCH', ROLE, roleUpdate, (env, body, call) => {
    const { resource, role } = lookUp(env, call);
    const changes: RoleChanges = body;
    const input = { ...changes, key: role.key, name: changes.name ?? role.name };
    return save(env, resource, planRole(env, { roles: resource.roles, resource }, input, role));
  }),
  inEnvironment('DELETE', ROLE, (env, call) => {
    const { resource, role } = lookUp(env, call);
    removePart(env, resource, 'roles', role);
    return noContent;
  }),
  inEnvironmentWith('POST', `${ROLE}/permissions`, permissionList, (env, body, call) => {
    const { resource, role } = lookUp(env, call);
    const added = planPermissions(env, body.permissions, resource);
    return save(env, resource, { ...role, permissions: [...new Set([...role.permissions, ...added])] });
  }),
  inEnvironmentWith('DELETE', `${ROLE}/permissions`, permissionList, (env, body, call) => {
    const { resource, role } = lookUp(env, call);
    const gone = new Set(planPermissions(env, body.permissions, resource));
    return save(env, resource, { ...role, permissions: role.permissions.filter((name) => !gone.has(name)) });
  }),
  ...(['ancestors', 'descendants'] as const).map((direction) =>
    inEnvironment('GET', `${ROLE}/${direction}`, (env, call) => {
      const { resource, role } = lookUp(env, call);
      return ok({ roles: kin(resource.roles, role, direction).map((row) => readRole(env, row, resource)) });
    }),
  ),
];

const derivationRoutes: readonly Route[] = [
  inEnvironmentWith('POST', GRANTS, derivationRule, (env, body, call) => {
    const { resource, role } = lookUp(env, call);
    const rule = planRule(env, resource, body, resource.roles);
    requireAbsent(
      role.granted_to?.rules.find((other) => sameRule(other, rule)),
      'Role derivation',
      rule.role,
    );
    replacePart(
      env,
      resource,
      'roles',
      withRules(env, role, (rules) => [...rules, rule]),
    );
    return ok(readRule(env, rule, resource));
  }),
  inEnvironmentWith('DELETE', GRANTS, derivationRule, (env, body, call) => {
    const { resource, role } = lookUp(env, call);
    const rule = planRule(env, resource, body, resource.roles);
    found(
      role.granted_to?.rules.find((other) => sameRule(other, rule)),
      'Role derivation',
      rule.role,
    );
    const changed = withRules(env, role, (rules) => rules.filter((other) => !sameRule(other, rule)));
    replacePart(env, resource, 'roles', changed);
    return noContent;
  }),
  inEnvironmentWith('PUT', `${GRANTS}/conditions`, derivationSettings, (env, body, call) => {
    const { resource, role } = lookUp(env, call);
    const no_direct_roles_on_object = body.no_direct_roles_on_object ?? false;
    const block = role.granted_to ?? { id: env.newId(), rules: [] };
    const granted_to = { ...block, no_direct_roles_on_object };
    replacePart(env, resource, 'roles', { ...role, granted_to });
    return ok({ no_direct_roles_on_object });
  }),
];

export const resourceRoleRoutes: readonly Route[] = [...roleRoutes, ...derivationRoutes];
