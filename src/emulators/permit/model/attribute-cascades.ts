import type { Attributes } from '../engine/attributes.ts';
import type { Environment } from './environment.ts';
import { updateInstance } from './instances.ts';
import { updateTenant } from './tenants.ts';
import { updateUser } from './users.ts';

/** Takes the values of attributes that are gone from everything that has them: conditions find nothing there. */
export function dropAttributeValues(env: Environment, resource: string, names: ReadonlySet<string>): void {
  if (names.size === 0) return;
  const holders =
    resource === '__user'
      ? env.users.values()
      : resource === '__tenant'
        ? env.tenants.values()
        : env.instances.by('resource', resource);
  // A copy: what is changed moves within its index.
  for (const { key, attributes: before } of [...holders]) {
    const attributes = without(before, names);
    if (!attributes) continue;
    if (resource === '__user') updateUser(env, key, { attributes });
    else if (resource === '__tenant') updateTenant(env, key, { attributes });
    else updateInstance(env, key, attributes);
  }
}

/** @returns `undefined` when there is nothing to take away. */
function without(attributes: Attributes | null, names: ReadonlySet<string>): Attributes | undefined {
  const entries = Object.entries(attributes ?? {});
  const left = entries.filter(([name]) => !names.has(name));
  return left.length === entries.length ? undefined : Object.fromEntries(left);
}
