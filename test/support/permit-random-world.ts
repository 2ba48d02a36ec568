import { createFacts } from '../../src/emulators/permit/engine/facts.ts';
import type { World } from '../../src/emulators/permit/engine/roles.ts';
import { createSchema, type RoleDefinition } from '../../src/emulators/permit/engine/schema.ts';
import type { Json, JsonObject, NaiveQuestion, NaiveRole, NaiveSet, NaiveWorld } from './permit-naive.ts';

export type Random = {
  below(limit: number): number;
  chance(share: number): boolean;
  pick<T>(from: readonly T[]): T;
};

/** The same sequence for the same seed (mulberry32). */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
  const below = (limit: number): number => Math.floor(next() * limit);
  return {
    below,
    chance: (share) => next() < share,
    pick: <T>(from: readonly T[]): T => from[below(from.length)] as T,
  };
}

const TYPES = ['doc', 'folder', 'org'];
const ACTIONS = ['read', 'write', 'own'];
const ROLES = ['r1', 'r2', 'r3'];
const RELATIONS = ['parent', 'owner'];
const USERS = ['u1', 'u2', 'u3', 'ghost'];
const TENANTS = ['t1', 't2'];
const KEYS = ['k1', 'k2', 'k3'];
const NAMES = ['age', 'tags', 'dept', 'deep', 'items', 'boss'];
const OPERATORS = [
  'equals',
  'not-equals',
  'less-than',
  'greater-than',
  'less-than-equals',
  'greater-than-equals',
  'contains',
  'in',
  'between',
  'array_contains',
  'array_subset',
  'array_superset',
  'array_intersect',
] as const;
const REFERRING = OPERATORS.filter(
  (name) => !['in', 'between', 'array_subset', 'array_superset', 'array_intersect'].includes(name),
);

const times = <T>(count: number, make: () => T): T[] => Array.from({ length: count }, make);
const each = <T>(names: readonly string[], make: (name: string) => T): Record<string, T> =>
  Object.fromEntries(names.map((name) => [name, make(name)]));
const objects = TYPES.flatMap((type) => KEYS.map((key) => `${type}:${key}`));

export function randomWorld(random: Random): NaiveWorld {
  const role = (type: string | undefined, key: string): NaiveRole => ({
    permissions: times(random.below(3), () => `${type ?? random.pick(TYPES)}:${random.pick(ACTIONS)}`),
    // Only towards later roles: extending in a circle is refused when a role is made.
    extends: ROLES.filter((other) => other > key && random.chance(0.2)),
    ...(type === undefined || random.chance(0.4)
      ? {}
      : {
          noDirectRoles: random.chance(0.2),
          rules: times(1 + random.below(2), () => ({
            role: random.pick(ROLES),
            on: random.pick(TYPES),
            by: random.pick(RELATIONS),
            noDirectRoles: random.chance(0.2),
          })),
        }),
  });
  const set = (kind: NaiveSet['kind'], others: readonly string[]): NaiveSet => ({
    kind,
    conditions: conditions(random, 2),
    ...(kind === 'resourceset' ? { resource: random.pick(TYPES) } : {}),
    ...(others.length > 0 && random.chance(0.2) ? { parent: random.pick(others) } : {}),
  });
  return {
    tenantRoles: each(ROLES, (key) => role(undefined, key)),
    types: each(TYPES, (type) => ({ actions: ACTIONS, roles: each(ROLES, (key) => role(type, key)) })),
    users: each(USERS.slice(0, 3), () => attributes(random)),
    tenants: each(TENANTS, () => attributes(random)),
    instances: each(
      objects.filter(() => random.chance(0.6)),
      () => ({ tenant: random.pick(TENANTS), attributes: attributes(random) }),
    ),
    assignments: times(random.below(8), () => ({
      user: random.pick(USERS.slice(0, 3)),
      role: random.pick(ROLES),
      tenant: random.pick(TENANTS),
      ...(random.chance(0.5) ? { instance: random.pick(objects) } : {}),
    })),
    tuples: times(random.below(10), () => ({
      subject: random.pick(objects),
      relation: random.pick(RELATIONS),
      object: random.pick(objects),
    })),
    sets: {
      us1: set('userset', []),
      us2: set('userset', ['us1']),
      rs1: set('resourceset', []),
      rs2: set('resourceset', ['rs1']),
    },
    rules: times(2 + random.below(6), () => ({
      userSet: random.pick(['us1', 'us2', '__autogen_r1']),
      resourceSet: random.pick(['rs1', 'rs2', '__autogen_doc']),
      type: random.pick(TYPES),
      action: random.pick(ACTIONS),
    })),
  };
}

export function randomQuestion(random: Random): NaiveQuestion {
  return {
    user: { key: random.pick(USERS), ...(random.chance(0.4) ? { attributes: attributes(random) } : {}) },
    action: random.pick(ACTIONS),
    resource: {
      type: random.pick(TYPES),
      ...(random.chance(0.7) ? { key: random.pick(KEYS) } : {}),
      ...(random.chance(0.9) ? { tenant: random.pick(TENANTS) } : {}),
      ...(random.chance(0.4) ? { attributes: attributes(random) } : {}),
    },
    ...(random.chance(0.5) ? { context: attributes(random) } : {}),
  };
}

function scalar(random: Random): Json {
  return random.pick<Json>([0, 1, 2, 'a', 'ab', 'b', true, false, null, 'k1', 'k2']);
}

function attributes(random: Random): JsonObject {
  const values: Record<string, () => Json> = {
    age: () => random.below(4),
    tags: () => times(random.below(3), () => scalar(random)),
    dept: () => scalar(random),
    deep: () => ({ a: scalar(random), b: { c: scalar(random) } }),
    items: () => times(random.below(3), () => ({ n: random.below(3), tag: scalar(random) })),
    boss: () => random.pick(KEYS),
    type: () => random.pick(TYPES),
    roles: () => [random.pick(ROLES)],
  };
  const chosen = [...NAMES, ...(random.chance(0.1) ? ['type', 'roles'] : [])].filter(() =>
    random.chance(0.6),
  );
  return Object.fromEntries(chosen.map((name) => [name, values[name]?.() ?? null]));
}

function conditions(random: Random, depth: number): JsonObject {
  if (depth > 0 && random.chance(0.5)) {
    const name = random.pick(['allOf', 'and', 'anyOf', 'or', 'not']);
    if (name === 'not' && random.chance(0.5)) return { not: conditions(random, depth - 1) };
    return { [name]: times(random.below(3), () => conditions(random, depth - 1)) };
  }
  return Object.fromEntries(times(1 + random.below(2), () => [path(random), tests(random, 1)]));
}

function path(random: Random): string {
  const head = random.pick(['user', 'subject', 'resource', 'tenant', 'context', 'environment']);
  return `${head}.${random.pick([...NAMES, 'deep.a', 'deep.b.c', 'type', 'roles', 'nothing'])}`;
}

function tests(random: Random, depth: number): JsonObject {
  if (depth > 0 && random.chance(0.25)) {
    return {
      [random.pick(['or', 'and', 'anyOf', 'allOf', 'not'])]: times(1 + random.below(2), () =>
        tests(random, 0),
      ),
    };
  }
  if (depth > 0 && random.chance(0.2)) return matching(random);
  if (random.chance(0.2)) return { [random.pick(REFERRING)]: { ref: path(random) } };
  const name = random.pick(OPERATORS);
  return { [name]: operand(random, name) };
}

function operand(random: Random, name: string): Json {
  if (name === 'contains') return random.pick(['a', 'b', 'ab']);
  if (name === 'between') return [random.below(3), random.below(4)];
  if (name === 'in' || name.startsWith('array_su') || name === 'array_intersect') {
    return times(random.below(4), () => scalar(random));
  }
  return random.chance(0.1) ? { a: scalar(random) } : scalar(random);
}

function matching(random: Random): JsonObject {
  const name = random.pick(['object_match', 'any_match', 'all_match']);
  const field = random.pick(['n', 'tag', 'a', 'b.c', 'age', 'dept']);
  const foreign = random.chance(0.3) ? { fk_resource_type: random.pick(TYPES) } : {};
  return { [name]: { match: { [field]: tests(random, 0) }, ...foreign } };
}

/** The same world in the engine, by changes: with detours that are undone again. */
export function engineWorld(world: NaiveWorld, random: Random): World {
  const schema = createSchema();
  const facts = createFacts();
  for (const [type, { actions, roles }] of Object.entries(world.types)) {
    schema.putResource(type, actions);
    for (const [key, role] of Object.entries(roles)) schema.putRole(type, definition(key, role));
  }
  for (const [key, role] of Object.entries(world.tenantRoles))
    schema.putRole('__tenant', definition(key, role));
  for (const [key, { kind, resource, conditions: json, parent }] of Object.entries(world.sets)) {
    schema.putConditionSet({ key, kind, resource, conditions: json, parent });
  }
  const extraRule = { userSet: 'us1', resourceSet: 'rs1', type: 'doc', action: 'read' };
  schema.putRule(extraRule);
  schema.deleteRule(extraRule);
  for (const rule of world.rules) schema.putRule(rule);

  facts.putUser('gone', {});
  facts.assign({ user: 'gone', role: 'r1', tenant: 't1' });
  facts.assign({ user: 'gone', role: 'r1', tenant: 't1', instance: 'doc:k1' });
  facts.deleteUser('gone');
  for (const [key, own] of Object.entries(world.users)) facts.putUser(key, own);
  for (const [key, own] of Object.entries(world.tenants)) facts.putTenant(key, own);
  for (const [key, { tenant, attributes: own }] of Object.entries(world.instances)) {
    facts.putInstance(key, tenant, own);
  }
  for (const holding of world.assignments) {
    // An instance role associates its user with the tenant, as the control plane does.
    facts.associate(holding.user, holding.tenant);
    facts.assign(holding);
    if (random.chance(0.3)) {
      facts.unassign(holding);
      facts.assign(holding);
    }
  }
  for (const tuple of world.tuples) {
    const detour = { ...tuple, object: random.pick(objects) };
    const real = world.tuples.some((one) => JSON.stringify(one) === JSON.stringify(detour));
    facts.relate(detour);
    if (!real) facts.unrelate(detour);
    facts.relate(tuple);
  }
  return { schema, facts };
}

function definition(key: string, role: NaiveRole): RoleDefinition {
  return {
    key,
    permissions: role.permissions.map((name) => {
      const [type = '', action = ''] = name.split(':');
      return { type, action };
    }),
    extends: role.extends,
    ...(role.rules ? { derivation: { noDirectRoles: role.noDirectRoles ?? false, rules: role.rules } } : {}),
  };
}
