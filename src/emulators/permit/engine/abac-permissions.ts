import { abacOf } from './abac.ts';
import type { PermissionsQuery } from './permissions.ts';
import type { EngineQuestion } from './question.ts';
import { keyOf, typeOf, type World } from './roles.ts';

export type AbacPermission = { name: string; tenant: string; permission: string };

/**
 * What condition sets allow, for the types that were asked for: in each of the user's tenants, and on each
 * stored instance of those types, whoever has roles there. The other filters do not narrow it.
 */
export function* abacPermissions(world: World, query: PermissionsQuery): Generator<AbacPermission> {
  const { facts } = world;
  for (const type of query.resourceTypes ?? []) {
    for (const tenant of facts.tenantsOf(query.user.key)) {
      for (const permission of allowedIn(world, query, { type, tenant })) {
        yield { name: `__tenant:${tenant}`, tenant, permission };
      }
    }
    for (const [name, { tenant }] of facts.instances()) {
      if (typeOf(name) !== type) continue;
      for (const permission of allowedIn(world, query, { type, tenant, key: keyOf(name) })) {
        yield { name, tenant, permission };
      }
    }
  }
}

function* allowedIn(
  world: World,
  { user }: PermissionsQuery,
  resource: EngineQuestion['resource'],
): Generator<string> {
  for (const action of world.schema.actionsOf(resource.type) ?? []) {
    if (abacOf(world, { user, action, resource }).allow) yield `${resource.type}:${action}`;
  }
}
