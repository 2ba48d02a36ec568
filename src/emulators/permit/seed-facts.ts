import { z } from 'zod';
import { assignRole } from './model/assignments.ts';
import type { Environment } from './model/environment.ts';
import { createInstance } from './model/instances.ts';
import { createTenants } from './model/tenants.ts';
import { createTuple } from './model/tuples.ts';
import { createUser } from './model/users.ts';
import { attributes, key, optional, text, userKey } from './rest/schemas.ts';

/** Facts of an environment in the shapes of the API's own `create` calls. */
export const factsSchema = z.strictObject({
  tenants: z
    .array(z.strictObject({ key, name: text, description: optional(text), attributes: optional(attributes) }))
    .optional(),
  users: z
    .array(
      z.strictObject({
        key: userKey,
        email: optional(z.email()),
        first_name: optional(text),
        last_name: optional(text),
        attributes: optional(attributes),
      }),
    )
    .optional(),
  resource_instances: z
    .array(z.strictObject({ key, tenant: text, resource: text, attributes: optional(attributes) }))
    .optional(),
  relationship_tuples: z
    .array(z.strictObject({ subject: text, relation: text, object: text, tenant: optional(text) }))
    .optional(),
  role_assignments: z
    .array(
      z.strictObject({ user: text, role: text, tenant: optional(text), resource_instance: optional(text) }),
    )
    .optional(),
});
export type SeedFacts = z.input<typeof factsSchema>;

/**
 * Adds facts to an environment, in an order in which each finds what it names.
 *
 * @throws {ZodError} for another shape, {ApiError} for a fact that names something unknown.
 *
 * @example
 * seedFacts(env, { users: [{ key: 'zoe' }], role_assignments: [{ user: 'zoe', role: 'viewer', tenant: 'default' }] });
 */
export function seedFacts(env: Environment, input: SeedFacts): void {
  const facts = factsSchema.parse(input);
  env.batch(() => {
    createTenants(
      env,
      (facts.tenants ?? []).filter((tenant) => !env.tenants.has(tenant.key)),
    );
    for (const user of facts.users ?? []) createUser(env, user);
    for (const instance of facts.resource_instances ?? []) createInstance(env, instance);
    for (const tuple of facts.relationship_tuples ?? []) createTuple(env, tuple);
    for (const assignment of facts.role_assignments ?? []) assignRole(env, assignment);
  });
}
