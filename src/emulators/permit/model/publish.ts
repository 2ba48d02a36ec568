import type { Attributes } from '../engine/attributes.ts';
import { type Permission, type RoleDefinition, TENANT_SCOPE } from '../engine/schema.ts';
import type { Environment } from './environment.ts';
import type { ConditionSetRow, ResourceRow, RoleRow, RuleRow, UserRow } from './rows.ts';

/** Attributes that conditions see: the profile beside the user's own, where it is known. */
export function storedUserAttributes(user: UserRow): Attributes {
  const profile = {
    key: user.key,
    email: user.email,
    first_name: user.first_name,
    last_name: user.last_name,
  };
  const known = Object.entries(profile).filter(([, value]) => value !== null);
  return Object.fromEntries([...Object.entries(user.attributes ?? {}), ...known]);
}

export function permissionOf(name: string): Permission {
  const colon = name.indexOf(':');
  return { type: name.slice(0, colon), action: name.slice(colon + 1) };
}

export function publishRole({ replica }: Environment, role: RoleRow): void {
  const definition = definitionOf(role);
  replica.publish(({ schema }) => schema.putRole(TENANT_SCOPE, definition));
}

/** The resource and its roles; roles that it no longer has are withdrawn. */
export function publishResource({ replica }: Environment, resource: ResourceRow): void {
  if (resource.built_in) return;
  const definitions = resource.roles.map(definitionOf);
  const actions = resource.actions.map((action) => action.key);
  replica.publish(({ schema }) => {
    schema.putResource(resource.key, actions);
    const gone = new Set(schema.rolesIn(resource.key).keys());
    for (const definition of definitions) {
      gone.delete(definition.key);
      schema.putRole(resource.key, definition);
    }
    for (const role of gone) schema.deleteRole(resource.key, role);
  });
}

export function publishConditionSet({ replica }: Environment, set: ConditionSetRow): void {
  const { key, type: kind, resource, conditions, parent } = set;
  const definition = {
    key,
    kind,
    conditions,
    resource: resource ?? undefined,
    parent: parent ?? undefined,
  };
  replica.publish(({ schema }) => schema.putConditionSet(definition));
}

export function publishRule({ replica }: Environment, rule: RuleRow): void {
  const definition = ruleDefinitionOf(rule);
  replica.publish(({ schema }) => schema.putRule(definition));
}

export function ruleDefinitionOf(rule: RuleRow) {
  return { userSet: rule.user_set, resourceSet: rule.resource_set, ...permissionOf(rule.permission) };
}

function definitionOf(role: RoleRow): RoleDefinition {
  return {
    key: role.key,
    permissions: role.permissions.map(permissionOf),
    extends: role.extends,
    ...(role.attributes ? { attributes: role.attributes } : {}),
    ...(role.granted_to
      ? {
          derivation: {
            noDirectRoles: role.granted_to.no_direct_roles_on_object,
            rules: role.granted_to.rules.map((rule) => ({
              role: rule.role,
              on: rule.on_resource,
              by: rule.linked_by_relation,
              noDirectRoles: rule.no_direct_roles_on_object,
            })),
          },
        }
      : {}),
  };
}
