import { createConditionSet, createRule } from './model/condition-sets.ts';
import type { Environment } from './model/environment.ts';
import { createResource, updateResource } from './model/resources.ts';
import { createRole } from './model/roles.ts';

/** The shape of a policy catalogue, as far as the emulator reads it. */
export type SeedPolicy = {
  readonly resources: Readonly<
    Record<
      string,
      {
        readonly name?: string;
        readonly actions: readonly string[];
        readonly attributes?: Readonly<Record<string, string>>;
        readonly roles?: Readonly<Record<string, readonly string[]>>;
        readonly relations?: Readonly<Record<string, string>>;
        readonly derivations?: readonly {
          role: string;
          from: { resource: string; role: string };
          by: string;
        }[];
      }
    >
  >;
  readonly roles: Readonly<Record<string, readonly string[]>>;
  readonly userAttributes?: Readonly<Record<string, string>>;
  readonly userSets?: Readonly<Record<string, { name?: string; conditions: unknown }>>;
  readonly resourceSets?: Readonly<Record<string, { name?: string; resource: string; conditions: unknown }>>;
  readonly rules?: readonly { userSet: string; permission: string; resourceSet: string }[];
};

/**
 * Writes a policy catalogue into an environment: what pushing it through the API would have left there.
 *
 * @throws {ApiError} when the catalogue names something that it does not have.
 */
export function seedPolicy(env: Environment, policy: SeedPolicy): void {
  env.batch(() => {
    const resources = Object.entries(policy.resources);
    // Everything bare first: relations and derivations may point anywhere.
    for (const [key, resource] of resources) {
      createResource(env, {
        key,
        name: resource.name ?? key,
        actions: Object.fromEntries(resource.actions.map((action) => [action, { name: action }])),
        attributes: attributeBlocks(resource.attributes),
      });
    }
    for (const [key, { relations }] of resources) if (relations) updateResource(env, key, { relations });
    for (const [key, resource] of resources) {
      updateResource(env, key, { roles: roleBlocks(key, resource.roles) });
    }
    for (const [key, resource] of resources) {
      if (!resource.derivations?.length) continue;
      const derivations = Map.groupBy(resource.derivations, (derivation) => derivation.role);
      const roles = Object.entries(roleBlocks(key, resource.roles)).map(([role, block]) => {
        const users_with_role = (derivations.get(role) ?? []).map(({ from, by }) => ({
          role: from.role,
          on_resource: from.resource,
          linked_by_relation: by,
        }));
        return [
          role,
          { ...block, ...(users_with_role.length > 0 ? { granted_to: { users_with_role } } : {}) },
        ];
      });
      updateResource(env, key, { roles: Object.fromEntries(roles) });
    }
    for (const [key, permissions] of Object.entries(policy.roles)) {
      createRole(env, { key, name: key, permissions: permissions.flatMap((name) => expanded(policy, name)) });
    }
    seedConditions(env, policy);
  });
}

function seedConditions(env: Environment, policy: SeedPolicy): void {
  if (policy.userAttributes) {
    const row = env.resources.get('__user');
    const known = new Set(row?.attributes.map(({ key }) => key));
    const now = env.stamp();
    const added = Object.entries(policy.userAttributes)
      .filter(([key]) => !known.has(key))
      .map(([key, type]) => ({
        id: env.newId(),
        key,
        type: type as 'string',
        description: null,
        built_in: false,
        created_at: now,
        updated_at: now,
      }));
    if (row) env.resources.put({ ...row, attributes: [...row.attributes, ...added] });
  }
  for (const [key, { name = key, conditions }] of Object.entries(policy.userSets ?? {})) {
    createConditionSet(env, { key, name, type: 'userset', conditions });
  }
  for (const [key, { name = key, resource, conditions }] of Object.entries(policy.resourceSets ?? {})) {
    createConditionSet(env, { key, name, type: 'resourceset', resource_id: resource, conditions });
  }
  for (const { userSet, permission, resourceSet } of policy.rules ?? []) {
    createRule(env, {
      user_set: userSet,
      permission,
      resource_set: resourceSet,
      is_role: !env.conditionSets.has(userSet),
      is_resource: !env.conditionSets.has(resourceSet),
    });
  }
}

function attributeBlocks(attributes: Readonly<Record<string, string>> = {}) {
  const entries = Object.entries(attributes).map(([key, type]) => [key, { type: type as 'string' }]);
  return Object.fromEntries(entries);
}

function roleBlocks(type: string, roles: Readonly<Record<string, readonly string[]>> = {}) {
  const entries = Object.entries(roles).map(
    ([key, actions]): [string, { name: string; permissions: string[] }] => [
      key,
      {
        name: key,
        permissions: actions.map((action) => (action.includes(':') ? action : `${type}:${action}`)),
      },
    ],
  );
  return Object.fromEntries(entries);
}

/** `reports:*` and `*` are shorthands of catalogues, not of Permit. */
function expanded(policy: SeedPolicy, permission: string): string[] {
  if (permission === '*') {
    return Object.entries(policy.resources).flatMap(([type, { actions }]) =>
      actions.map((a) => `${type}:${a}`),
    );
  }
  const [type = '', action] = permission.split(':');
  if (action !== '*') return [permission];
  return (policy.resources[type]?.actions ?? []).map((name) => `${type}:${name}`);
}
