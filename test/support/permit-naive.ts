/**
 * A second, naive reading of the decision semantics: no index, no cycle guard but a fixed point, conditions
 * interpreted as they stand. It shares nothing with the engine but the questions.
 */
export type NaiveRole = {
  permissions: string[];
  extends: string[];
  noDirectRoles?: boolean;
  rules?: { role: string; on: string; by: string; noDirectRoles: boolean }[];
};
export type NaiveSet = {
  kind: 'userset' | 'resourceset';
  conditions: Json;
  resource?: string;
  parent?: string;
};
export type Json = null | boolean | number | string | Json[] | { [member: string]: Json };
export type JsonObject = { [member: string]: Json };

export type NaiveWorld = {
  tenantRoles: Record<string, NaiveRole>;
  types: Record<string, { actions: string[]; roles: Record<string, NaiveRole> }>;
  users: Record<string, JsonObject>;
  tenants: Record<string, JsonObject>;
  instances: Record<string, { tenant: string; attributes: JsonObject }>;
  assignments: { user: string; role: string; tenant: string; instance?: string }[];
  tuples: { subject: string; relation: string; object: string }[];
  sets: Record<string, NaiveSet>;
  rules: { userSet: string; resourceSet: string; type: string; action: string }[];
};

export type NaiveQuestion = {
  user: { key: string; attributes?: JsonObject };
  action: string;
  resource: { type: string; key?: string; tenant?: string; attributes?: JsonObject };
  context?: JsonObject;
};

export function naiveDecision(world: NaiveWorld, question: NaiveQuestion) {
  const rbac = naiveRbac(world, question);
  const rebac = naiveRebac(world, question);
  const abac = naiveAbac(world, question);
  return { allow: rbac || rebac || abac, rbac, rebac, abac };
}

function permissionsOf(roles: Record<string, NaiveRole>, key: string, depth = 0): string[] {
  const role = roles[key];
  if (!role || depth > 20) return [];
  return [...role.permissions, ...role.extends.flatMap((parent) => permissionsOf(roles, parent, depth + 1))];
}

function tenantRolesOf(world: NaiveWorld, user: string, tenant: string | undefined): string[] {
  const rows = world.assignments.filter(
    (a) => a.user === user && a.tenant === tenant && a.instance === undefined,
  );
  return [...new Set(rows.map((a) => a.role))];
}

function naiveRbac(world: NaiveWorld, { user, action, resource }: NaiveQuestion): boolean {
  return tenantRolesOf(world, user.key, resource.tenant).some((role) =>
    permissionsOf(world.tenantRoles, role).includes(`${resource.type}:${action}`),
  );
}

/** All (object, role) pairs of the user, grown until nothing more follows. */
export function naiveHeld(world: NaiveWorld, user: string): Set<string> {
  const direct = world.assignments.filter((a) => a.user === user && a.instance !== undefined);
  const held = new Set(direct.map((a) => `${a.instance}#${a.role}`));
  for (;;) {
    const before = held.size;
    for (const { subject, relation, object } of world.tuples) {
      const type = object.split(':')[0] ?? '';
      const hasDirect = direct.some((a) => a.instance === object);
      for (const [role, { rules = [], noDirectRoles = false }] of Object.entries(
        world.types[type]?.roles ?? {},
      )) {
        for (const rule of rules) {
          const fits = rule.by === relation && subject.startsWith(`${rule.on}:`);
          const skipped = hasDirect && (noDirectRoles || rule.noDirectRoles);
          if (fits && !skipped && held.has(`${subject}#${rule.role}`)) held.add(`${object}#${role}`);
        }
      }
    }
    if (held.size === before) return held;
  }
}

function naiveRebac(world: NaiveWorld, { user, action, resource }: NaiveQuestion): boolean {
  if (resource.key === undefined) return false;
  const roles = world.types[resource.type]?.roles ?? {};
  const held = naiveHeld(world, user.key);
  return Object.keys(roles).some(
    (role) =>
      held.has(`${resource.type}:${resource.key}#${role}`) &&
      permissionsOf(roles, role).includes(`${resource.type}:${action}`),
  );
}

type Scope = { user: Json; resource: Json; tenant: Json; context: Json };

function naiveAbac(world: NaiveWorld, question: NaiveQuestion): boolean {
  const { user, resource, action, context = {} } = question;
  const roles = tenantRolesOf(world, user.key, resource.tenant);
  const tenants = [...new Set(world.assignments.filter((a) => a.user === user.key).map((a) => a.tenant))];
  const scope: Scope = {
    user: union(union({ roles, tenants }, world.users[user.key] ?? {}), user.attributes ?? {}),
    resource: union(
      union({ type: resource.type }, world.instances[`${resource.type}:${resource.key}`]?.attributes ?? {}),
      resource.attributes ?? {},
    ),
    tenant:
      resource.tenant !== undefined && tenants.includes(resource.tenant)
        ? (world.tenants[resource.tenant] ?? {})
        : {},
    context,
  };
  return world.rules.some(
    (rule) =>
      rule.type === resource.type &&
      rule.action === action &&
      setHolds(world, rule.userSet, 'userset', scope) &&
      setHolds(world, rule.resourceSet, 'resourceset', scope),
  );
}

function setHolds(world: NaiveWorld, key: string, kind: NaiveSet['kind'], scope: Scope): boolean {
  if (key.startsWith('__autogen_')) {
    const name = key.replace('__autogen_', '');
    if (kind === 'resourceset') return look(scope, 'resource.type') === name;
    const roles = look(scope, 'user.roles');
    return Array.isArray(roles) && roles.includes(name);
  }
  const set = world.sets[key];
  if (!set) return false;
  if (set.resource !== undefined && look(scope, 'resource.type') !== set.resource) return false;
  if (set.parent !== undefined && !setHolds(world, set.parent, kind, scope)) return false;
  return holds(world, set.conditions, scope);
}

function union(left: JsonObject, right: JsonObject): JsonObject {
  const merged = { ...left };
  for (const [name, value] of Object.entries(right)) {
    const before = merged[name];
    merged[name] = plain(before) && plain(value) ? union(before, value) : value;
  }
  return merged;
}

function plain(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function look(scope: Scope, path: string): Json | undefined {
  const [head = '', ...steps] = path.split('.');
  const alias = head === 'subject' ? 'user' : head === 'environment' ? 'context' : head;
  let value: Json | undefined = (scope as Record<string, Json>)[alias];
  for (const step of steps) value = plain(value) ? value[step] : undefined;
  return value;
}

function holds(world: NaiveWorld, conditions: Json, scope: Scope): boolean {
  return Object.entries(conditions as JsonObject).every(([name, operand]) => {
    const parts = Array.isArray(operand) ? operand : [operand];
    if (name === 'not') return !parts.every((part) => holds(world, part, scope));
    if (name === 'allOf' || name === 'and') return parts.every((part) => holds(world, part, scope));
    if (name === 'anyOf' || name === 'or') return parts.some((part) => holds(world, part, scope));
    return tested(world, look(scope, name), operand, scope);
  });
}

/** An attribute against an object of operators or of groups of operators. */
function tested(world: NaiveWorld, value: Json | undefined, tests: Json, scope: Scope): boolean {
  return Object.entries(tests as JsonObject).every(([name, operand]) => {
    const parts = Array.isArray(operand) ? operand : [operand];
    if (name === 'not') return !parts.every((part) => tested(world, value, part, scope));
    if (name === 'allOf' || name === 'and') return parts.every((part) => tested(world, value, part, scope));
    if (name === 'anyOf' || name === 'or') return parts.some((part) => tested(world, value, part, scope));
    if (value === undefined) return false;
    if (name.endsWith('_match')) return matched(world, name, value, operand as JsonObject, scope);
    const right = plain(operand) && 'ref' in operand ? look(scope, String(operand.ref)) : operand;
    return right !== undefined && compared(name, value, right);
  });
}

function matched(world: NaiveWorld, name: string, value: Json, operand: JsonObject, scope: Scope): boolean {
  const fits = (item: Json): boolean => {
    const type = operand.fk_resource_type;
    const object = type === undefined ? item : world.instances[`${String(type)}:${String(item)}`]?.attributes;
    if (!plain(object)) return false;
    return Object.entries(operand.match as JsonObject).every(([field, test]) => {
      let inner: Json | undefined = object;
      for (const step of field.split('.')) inner = plain(inner) ? inner[step] : undefined;
      return tested(world, inner, test, scope);
    });
  };
  if (name === 'object_match') return fits(value);
  if (!Array.isArray(value)) return false;
  return name === 'any_match' ? value.some(fits) : value.every(fits);
}

const same = (one: Json, other: Json): boolean => canonical(one) === canonical(other);
const canonical = (value: Json): string =>
  JSON.stringify(value, (_name, inner) =>
    plain(inner) ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1))) : inner,
  );
const has = (list: Json, item: Json): boolean => Array.isArray(list) && list.some((one) => same(one, item));
const list = (value: Json): Json[] => (Array.isArray(value) ? value : []);

function compared(name: string, left: Json, right: Json): boolean {
  if (name === 'equals') return same(left, right);
  if (name === 'not-equals') return !same(left, right);
  if (name === 'in') return has(right, left);
  if (name === 'array_contains') return has(left, right);
  if (name === 'contains')
    return typeof left === 'string' && typeof right === 'string' && left.includes(right);
  if (name === 'between') {
    const [low = null, high = null] = list(right);
    return compared('greater-than-equals', left, low) && compared('less-than-equals', left, high);
  }
  if (name === 'array_intersect') return list(left).some((item) => has(right, item));
  if (name === 'array_subset') return Array.isArray(left) && left.every((item) => has(right, item));
  if (name === 'array_superset') return Array.isArray(left) && list(right).every((item) => has(left, item));
  const comparable =
    (typeof left === 'number' && typeof right === 'number') ||
    (typeof left === 'string' && typeof right === 'string');
  if (!comparable) return false;
  if (name === 'less-than') return left < right;
  if (name === 'greater-than') return left > right;
  if (name === 'less-than-equals') return left <= right;
  if (name === 'greater-than-equals') return left >= right;
  throw new Error(`unknown operator ${name}`);
}
