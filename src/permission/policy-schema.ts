import { z } from 'zod';

/** Permit.io's own pattern for keys of roles, resources, actions, attributes, relations and condition sets. */
const KEY = /^[A-Za-z0-9_-]+$/;
const key = z.string().regex(KEY, 'letters, digits, "-" and "_" only');

/** Attributes of these names would overwrite what the engine itself knows (`resource.type`, `user.roles`). */
const reserved = (names: readonly string[]) =>
  key.refine((name) => !names.includes(name), { error: 'is a name that the engine keeps for itself' });

const attributeType = z.enum(['bool', 'number', 'string', 'time', 'array', 'json', 'object', 'object_array']);

const resource = z.strictObject({
  name: z.string().min(1).optional(),
  actions: z.array(key).min(1, 'declares no action'),
  attributes: z.record(reserved(['type', 'key', 'tenant']), attributeType).optional(),
  roles: z.record(key, z.array(key)).optional(),
  relations: z.record(key, key).optional(),
  derivations: z
    .array(z.strictObject({ role: key, from: z.strictObject({ resource: key, role: key }), by: key }))
    .optional(),
});

/** The shape of a policy; {@link policyProblems} adds what one part of it says about another. */
export const policySchema = z.strictObject({
  resources: z.record(
    key.refine((name) => !name.startsWith('__'), { error: 'keys that begin with "__" belong to Permit.io' }),
    resource,
  ),
  roles: z.record(
    key,
    z.array(z.string().regex(/^[A-Za-z0-9_-]+:[A-Za-z0-9_-]+$/, 'is not "resource:action"')),
  ),
  userAttributes: z.record(reserved(['key', 'roles', 'tenants']), attributeType).optional(),
  userSets: z
    .record(key, z.strictObject({ name: z.string().min(1).optional(), conditions: z.unknown() }))
    .optional(),
  resourceSets: z
    .record(
      key,
      z.strictObject({ name: z.string().min(1).optional(), resource: key, conditions: z.unknown() }),
    )
    .optional(),
  rules: z.array(z.strictObject({ userSet: key, permission: z.string(), resourceSet: key })).optional(),
});
