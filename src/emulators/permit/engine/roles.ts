import type { Facts } from './facts.ts';
import type { Schema } from './schema.ts';

export type World = { schema: Schema; facts: Facts };

export const typeOf = (object: string): string => object.slice(0, Math.max(0, object.indexOf(':')));
export const keyOf = (object: string): string => object.slice(object.indexOf(':') + 1);

/**
 * Whether the user holds one of `roles` on the object, directly or derived over tuples; returns the first
 * that holds. Walks from the object backwards and visits each (object, role) once, so cycles end.
 */
export function heldRole(
  { schema, facts }: World,
  user: string,
  object: string,
  roles: Iterable<string>,
): string | undefined {
  if (!facts.objectRolesOf(user)) return undefined;
  const seen = new Set<string>();
  // A stack of our own: a chain of tuples may be longer than the call stack.
  const open: { on: string; role: string; asked: string }[] = [];
  const visit = (on: string, role: string, asked: string): void => {
    const goal = `${on}#${role}`;
    if (seen.has(goal)) return;
    seen.add(goal);
    open.push({ on, role, asked });
  };

  for (const role of roles) visit(object, role, role);
  for (let goal = open.pop(); goal; goal = open.pop()) {
    const { on, role, asked } = goal;
    const direct = facts.rolesOn(user, on);
    if (direct.includes(role)) return asked;
    const derivation = schema.role(typeOf(on), role)?.definition.derivation;
    const superseded = direct.length > 0;
    if (!derivation || (superseded && derivation.noDirectRoles)) continue;
    for (const rule of derivation.rules) {
      if (superseded && rule.noDirectRoles) continue;
      for (const subject of facts.subjectsOf(on, rule.by)) {
        if (typeOf(subject) === rule.on) visit(subject, rule.role, asked);
      }
    }
  }
  return undefined;
}

/** Every role that the user holds on any object, direct and derived; walks forward from the direct ones. */
export function rolesOnObjects({ schema, facts }: World, user: string): Map<string, Set<string>> {
  const held = new Map<string, Set<string>>();
  const open: [object: string, role: string][] = [];
  const hold = (object: string, role: string): void => {
    const roles = held.get(object);
    if (roles?.has(role)) return;
    if (roles) roles.add(role);
    else held.set(object, new Set([role]));
    open.push([object, role]);
  };

  for (const [object, roles] of facts.objectRolesOf(user) ?? []) for (const role of roles) hold(object, role);
  for (let next = open.pop(); next; next = open.pop()) {
    const [subject, role] = next;
    for (const derived of schema.derivedFrom(typeOf(subject), role) ?? []) {
      for (const object of facts.objectsOf(subject, derived.by)) {
        if (typeOf(object) !== derived.type) continue;
        if (derived.noDirectRoles && facts.rolesOn(user, object).length > 0) continue;
        hold(object, derived.role);
      }
    }
  }
  return held;
}

/** The users who hold the role on the object, with the objects where a direct assignment starts the chain. */
export function usersWithRole(
  world: World,
  object: string,
  role: string,
): { user: string; role: string; root: string }[] {
  const { facts } = world;
  let strict = false;
  const candidates = sourcesOf(world, object, role, () => {
    strict = true;
    return false;
  });
  /** A direct role cuts some ways for one user; the ways themselves would be too many to walk one by one. */
  const remaining = new Map<string, ReadonlyMap<string, Source>>();
  const sourcesFor = (user: string): ReadonlyMap<string, Source> => {
    const known = strict ? remaining.get(user) : candidates;
    if (known) return known;
    const own = sourcesOf(world, object, role, (on) => facts.rolesOn(user, on).length > 0);
    remaining.set(user, own);
    return own;
  };

  const found: { user: string; role: string; root: string }[] = [];
  for (const [name, { on, role: wanted }] of candidates) {
    for (const user of facts.holdersOf(on)) {
      if (!facts.rolesOn(user, on).includes(wanted) || !sourcesFor(user).has(name)) continue;
      found.push({ user, role: `${typeOf(on)}#${wanted}`, root: on });
    }
  }
  return found;
}

type Source = { on: string; role: string };

/** Every (object, role) from which the role on the object follows; `superseded` is where strict rules end. */
function sourcesOf(
  { schema, facts }: World,
  object: string,
  role: string,
  superseded: (on: string) => boolean,
): ReadonlyMap<string, Source> {
  const seen = new Map<string, Source>();
  const open: Source[] = [];
  const visit = (source: Source): void => {
    const name = `${source.on}#${source.role}`;
    if (seen.has(name)) return;
    seen.set(name, source);
    open.push(source);
  };

  visit({ on: object, role });
  for (let next = open.pop(); next; next = open.pop()) {
    const { on } = next;
    const derivation = schema.role(typeOf(on), next.role)?.definition.derivation;
    for (const rule of derivation?.rules ?? []) {
      const strict = rule.noDirectRoles || derivation?.noDirectRoles === true;
      if (strict && superseded(on)) continue;
      for (const subject of facts.subjectsOf(on, rule.by)) {
        if (typeOf(subject) === rule.on) visit({ on: subject, role: rule.role });
      }
    }
  }
  return seen;
}
