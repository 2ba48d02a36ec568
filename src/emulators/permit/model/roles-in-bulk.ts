import { found } from './api-error.ts';
import type { Environment } from './environment.ts';
import { saveResource } from './resources.ts';
import { planRole, type RoleInput, saveRole } from './roles.ts';

export type BulkRoleInput = RoleInput & { resource?: string | null | undefined };

/** Creates or replaces tenant and resource roles in the order given; all or none. */
export function replaceRoles(env: Environment, inputs: readonly BulkRoleInput[]) {
  // Planned against copies: a later mistake must not leave the earlier half behind.
  const tenantRoles = new Map([...env.roles.values()].map((role) => [role.key, role]));
  const resources = new Map([...env.resources.values()].map((resource) => [resource.key, resource]));
  const touched = { roles: new Set<string>(), resources: new Set<string>() };
  const report = { created: [] as string[], updated: [] as string[] };
  const blank = { description: null, permissions: [], attributes: null, extends: [], granted_to: null };

  for (const { resource: owner, ...input } of inputs) {
    const whole = { ...blank, ...input };
    if (!owner) {
      const before = tenantRoles.get(input.key);
      tenantRoles.set(input.key, planRole(env, { roles: tenantRoles.values() }, whole, before));
      touched.roles.add(input.key);
      report[before ? 'updated' : 'created'].push(input.key);
      continue;
    }
    const key = found(env.resources.find(owner), 'Resource', owner).key;
    const resource = found(resources.get(key), 'Resource', key);
    const before = resource.roles.find((role) => role.key === input.key);
    const role = planRole(env, { roles: resource.roles, resource, changed: resources }, whole, before);
    const others = resource.roles.filter((other) => other.key !== role.key);
    resources.set(key, { ...resource, roles: [...others, role] });
    touched.resources.add(key);
    report[before ? 'updated' : 'created'].push(`${key}#${role.key}`);
  }

  env.batch(() => {
    for (const key of touched.roles) saveRole(env, found(tenantRoles.get(key), 'Role', key));
    for (const key of touched.resources) {
      saveResource(env, found(resources.get(key), 'Resource', key), env.resources.get(key));
    }
  });
  return report;
}
