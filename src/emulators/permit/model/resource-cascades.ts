import { dropAttributeValues } from './attribute-cascades.ts';
import { dropTuple } from './cascades.ts';
import { dropConditionSet, dropRule } from './condition-set-cascades.ts';
import type { Environment } from './environment.ts';
import { publishResource } from './publish.ts';
import { dropRoleAssignments, saveRole } from './roles.ts';
import type { DerivationRow, ResourceRow, RoleRow } from './rows.ts';

/**
 * After a resource changed or went: withdraws the permissions of actions that are gone, the assignments of
 * roles that are gone, the tuples of relations that are gone, the values of attributes that are gone, and whatever
 * derives from any of them.
 */
export function reconcileResource(
  env: Environment,
  before: ResourceRow,
  after: ResourceRow | undefined,
): void {
  const gone = <Row extends { key: string }>(
    rows: readonly Row[],
    left: readonly Row[] | undefined,
  ): Set<string> => {
    const kept = new Set(left?.map((row) => row.key));
    return new Set(rows.map((row) => row.key).filter((key) => !kept.has(key)));
  };
  const permissions = new Set([...gone(before.actions, after?.actions)].map((key) => `${before.key}:${key}`));
  const roles = gone(before.roles, after?.roles);
  // A relation that takes other subjects by now is another relation: its tuples do not fit any more.
  const subjectBefore = new Map(before.relations.map((row) => [row.key, row.subject_resource]));
  const relations = gone(
    before.relations,
    after?.relations.filter((row) => subjectBefore.get(row.key) === row.subject_resource),
  );

  dropAttributeValues(env, before.key, gone(before.attributes, after?.attributes));
  for (const role of roles) dropRoleAssignments(env, before.key, role);
  for (const tuple of [...env.tuples.values()]) {
    if (relations.size === 0) break;
    if (relations.has(tuple.relation) && tuple.object.startsWith(`${before.key}:`)) dropTuple(env, tuple);
  }
  if (permissions.size > 0) withdrawPermissions(env, permissions);
  const leads = (rule: DerivationRow): boolean =>
    // Over a relation of the same name that takes other subjects by now, a rule may have come with the change.
    !relations.has(rule.linked_by_relation) ||
    subjectBefore.get(rule.linked_by_relation) !== rule.on_resource;
  withdrawReferences(env, before.key, { roles, leads, everything: after === undefined });
}

function withdrawPermissions(env: Environment, permissions: ReadonlySet<string>): void {
  const kept = (list: readonly string[]) => list.filter((name) => !permissions.has(name));
  for (const role of [...env.roles.values()]) {
    if (role.permissions.some((name) => permissions.has(name))) {
      saveRole(env, { ...role, permissions: kept(role.permissions) });
    }
  }
  editResourceRoles(env, (role) =>
    role.permissions.some((name) => permissions.has(name))
      ? { ...role, permissions: kept(role.permissions) }
      : role,
  );
  for (const rule of [...env.rules.values()]) if (permissions.has(rule.permission)) dropRule(env, rule);
}

type Gone = {
  roles: ReadonlySet<string>;
  /** Whether the relation of a rule of this resource is still the one that the rule was made for. */
  leads: (rule: DerivationRow) => boolean;
  everything: boolean;
};

/** Derivations, parents, relations and condition sets that named what is gone. */
function withdrawReferences(env: Environment, resource: string, { roles, leads, everything }: Gone): void {
  editResourceRoles(env, (role, owner) => {
    const extending = role.extends.filter((parent) => owner !== resource || !roles.has(parent));
    const rules = role.granted_to?.rules.filter(
      (rule) =>
        !(rule.on_resource === resource && (everything || roles.has(rule.role))) &&
        (owner !== resource || leads(rule)),
    );
    const same = extending.length === role.extends.length && rules?.length === role.granted_to?.rules.length;
    if (same) return role;
    return {
      ...role,
      extends: extending,
      granted_to: role.granted_to && { ...role.granted_to, rules: rules ?? [] },
    };
  });
  if (!everything) return;
  for (const other of [...env.resources.values()]) {
    if (!other.relations.some((relation) => relation.subject_resource === resource)) continue;
    const relationsLeft = other.relations.filter((relation) => relation.subject_resource !== resource);
    const row = env.resources.put({ ...other, relations: relationsLeft });
    reconcileResource(env, other, row);
    publishResource(env, row);
  }
  for (const set of [...env.conditionSets.values()])
    if (set.resource === resource) dropConditionSet(env, set);
  for (const rule of [...env.rules.values()]) {
    if (rule.resource_set === `__autogen_${resource}`) dropRule(env, rule);
  }
}

function editResourceRoles(env: Environment, edit: (role: RoleRow, resource: string) => RoleRow): void {
  for (const resource of [...env.resources.values()]) {
    const roles = resource.roles.map((role) => edit(role, resource.key));
    if (roles.every((role, i) => role === resource.roles[i])) continue;
    publishResource(env, env.resources.put({ ...resource, roles }));
  }
}
