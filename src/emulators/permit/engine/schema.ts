import type { Attributes } from './attributes.ts';
import { noAttributes } from './attributes.ts';
import { type Condition, compileConditions } from './conditions.ts';

/** Scope of tenant roles, beside resource types. */
export const TENANT_SCOPE = '__tenant';

export type Permission = { type: string; action: string };
export type DerivationRule = { role: string; on: string; by: string; noDirectRoles: boolean };

export type RoleDefinition = {
  key: string;
  /** Own permissions; those of `extends` come on top, transitively. */
  permissions: readonly Permission[];
  extends?: readonly string[];
  attributes?: Attributes;
  /** ReBAC, resource roles only. `noDirectRoles`: none of the rules applies while a direct role is held. */
  derivation?: { noDirectRoles: boolean; rules: readonly DerivationRule[] };
};

export type Grants = ReadonlyMap<string, ReadonlySet<string>>;
export type EngineRole = { definition: RoleDefinition; grants: Grants };
export type DerivedRole = { type: string; role: string; by: string; noDirectRoles: boolean };

export type ConditionSetDefinition = {
  key: string;
  kind: 'userset' | 'resourceset';
  /** Base resource of a resource set. */
  resource?: string | undefined;
  conditions: unknown;
  parent?: string | undefined;
};
export type EngineConditionSet = { definition: ConditionSetDefinition; holds: Condition };
export type ConditionRule = { userSet: string; resourceSet: string; type: string; action: string };

const noRoles: ReadonlyMap<string, EngineRole> = new Map();

export type Schema = ReturnType<typeof createSchema>;

/** Resources, roles with flattened grants, derivations, condition sets and rules, indexed for decisions. */
export function createSchema() {
  const actions = new Map<string, ReadonlySet<string>>();
  const scopes = new Map<string, Map<string, EngineRole>>();
  const derivedFrom = new Map<string, DerivedRole[]>();
  const sets = new Map<string, EngineConditionSet>();
  const rules = new Map<string, ConditionRule[]>();

  function rolesIn(scope: string): Map<string, EngineRole> {
    let roles = scopes.get(scope);
    if (!roles) {
      roles = new Map();
      scopes.set(scope, roles);
    }
    return roles;
  }

  /** Only this scope's roles can extend one another. */
  function flatten(scope: string): void {
    const roles = rolesIn(scope);
    for (const role of roles.values()) role.grants = flattenedGrants(role.definition, roles);
  }

  function reindexDerivations(): void {
    derivedFrom.clear();
    for (const [type, roles] of scopes) {
      for (const { definition } of roles.values()) {
        const derivation = definition.derivation;
        for (const rule of derivation?.rules ?? []) {
          const source = sourceKey(rule.on, rule.role);
          const noDirectRoles = rule.noDirectRoles || derivation?.noDirectRoles === true;
          const derived = { type, role: definition.key, by: rule.by, noDirectRoles };
          derivedFrom.set(source, [...(derivedFrom.get(source) ?? []), derived]);
        }
      }
    }
  }

  return {
    hasType: (type: string) => actions.has(type),
    types: () => actions.keys(),
    actionsOf: (type: string) => actions.get(type),
    role: (scope: string, key: string) => scopes.get(scope)?.get(key),
    /** Questions name any type: a read must leave nothing behind. */
    rolesIn: (scope: string): ReadonlyMap<string, EngineRole> => scopes.get(scope) ?? noRoles,
    /** Roles that follow from holding `role` on an object of `type`. */
    derivedFrom: (type: string, role: string) => derivedFrom.get(sourceKey(type, role)),
    conditionSet: (key: string) => sets.get(key),
    conditionSets: () => sets.values(),
    rulesFor: (type: string, action: string) => rules.get(ruleKey(type, action)),

    putResource(key: string, actionKeys: Iterable<string>): void {
      actions.set(key, new Set(actionKeys));
    },
    deleteResource(key: string): void {
      actions.delete(key);
      scopes.delete(key);
      reindexDerivations();
    },
    putRole(scope: string, definition: RoleDefinition): void {
      const before = rolesIn(scope).get(definition.key)?.definition;
      rolesIn(scope).set(definition.key, { definition, grants: new Map() });
      flatten(scope);
      if (before?.derivation || definition.derivation) reindexDerivations();
    },
    deleteRole(scope: string, key: string): void {
      rolesIn(scope).delete(key);
      flatten(scope);
      reindexDerivations();
    },
    /** @throws {InvalidConditions} */
    putConditionSet(definition: ConditionSetDefinition): void {
      sets.set(definition.key, { definition, holds: compileConditions(definition.conditions).holds });
    },
    deleteConditionSet(key: string): void {
      sets.delete(key);
    },
    putRule(rule: ConditionRule): void {
      const key = ruleKey(rule.type, rule.action);
      const others = (rules.get(key) ?? []).filter((other) => !sameRule(other, rule));
      rules.set(key, [...others, rule]);
    },
    deleteRule(rule: ConditionRule): void {
      const key = ruleKey(rule.type, rule.action);
      const others = (rules.get(key) ?? []).filter((other) => !sameRule(other, rule));
      if (others.length > 0) rules.set(key, others);
      else rules.delete(key);
    },
    roleAttributes: (scope: string, key: string): Attributes =>
      scopes.get(scope)?.get(key)?.definition.attributes ?? noAttributes,
  };
}

// Keys are word characters and hyphens, so a colon cannot occur in them.
const sourceKey = (type: string, role: string): string => `${type}:${role}`;
const ruleKey = (type: string, action: string): string => `${type}:${action}`;
const sameRule = (one: ConditionRule, other: ConditionRule): boolean =>
  one.userSet === other.userSet && one.resourceSet === other.resourceSet;

function flattenedGrants(definition: RoleDefinition, roles: ReadonlyMap<string, EngineRole>): Grants {
  const grants = new Map<string, Set<string>>();
  const seen = new Set<string>();
  const visit = (role: RoleDefinition): void => {
    if (seen.has(role.key)) return;
    seen.add(role.key);
    for (const { type, action } of role.permissions) {
      const granted = grants.get(type);
      if (granted) granted.add(action);
      else grants.set(type, new Set([action]));
    }
    for (const parent of role.extends ?? []) {
      const next = roles.get(parent);
      if (next) visit(next.definition);
    }
  };
  visit(definition);
  return grants;
}
