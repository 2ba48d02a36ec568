import { z } from 'zod';

/** Optional members may also be `null`: the real API reads both as left out. */
export const optional = <Schema extends z.ZodType>(schema: Schema) => schema.nullish();

export const key = z.string().regex(/^[A-Za-z0-9\-_]+$/);
export const userKey = z.string().regex(/^[A-Za-z0-9|@+\-._]+$/);
export const text = z.string();
/** Any JSON object, kept as it is; also with a member called `__proto__`. */
export const attributes = z.custom<Readonly<Record<string, unknown>>>(
  (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  { error: 'value is not a valid dict' },
);
/** What one bulk call may carry, as Permit's documentation tells it. */
export const upTo = <Schema extends z.ZodType>(most: number, item: Schema) => z.array(item).max(most);
export const MOST_IN_BULK = { users: 3000, tenants: 2000, instances: 3000, assignments: 2000, tuples: 1000 };
/** An object whose members all have one shape. */
export const blocks = <Schema extends z.ZodType>(member: Schema) => z.record(z.string(), member);
export const keyedBlocks = <Schema extends z.ZodType>(member: Schema) => z.record(key, member);

export const attributeType = z.enum([
  'bool',
  'number',
  'string',
  'time',
  'array',
  'json',
  'object',
  'object_array',
]);

export const derivationSettings = z.strictObject({ no_direct_roles_on_object: optional(z.boolean()) });
export const derivationRule = z.strictObject({
  role: text,
  on_resource: text,
  linked_by_relation: text,
  when: optional(derivationSettings),
});
export const derivation = z.strictObject({
  when: optional(derivationSettings),
  users_with_role: optional(z.array(derivationRule)),
});

const roleMembers = {
  description: optional(text),
  permissions: optional(z.array(text)),
  attributes: optional(attributes),
  extends: optional(z.array(text)),
  granted_to: optional(derivation),
};
const hidden = { v1compat_settings: optional(attributes), v1compat_attributes: optional(attributes) };

export const roleBlock = z.strictObject({ name: text, ...roleMembers, ...hidden });
export const roleCreate = z.strictObject({ key, name: text, ...roleMembers, ...hidden });
export const tenantRoleCreate = roleCreate.extend({ v1compat_is_built_in: optional(z.boolean()) });
export const roleUpdate = z.strictObject({ name: text.optional(), ...roleMembers });
export const tenantRoleUpdate = roleUpdate.extend(hidden);
export const permissionList = z.strictObject({ permissions: z.array(text) });
