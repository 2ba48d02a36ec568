import type { ConditionSetRow, DerivationRow, ResourceRow, RoleRow, RuleRow } from './rows.ts';

type Content = {
  resources: ReadonlyMap<string, ResourceRow>;
  roles: ReadonlySet<string>;
  sets: ReadonlyMap<string, ConditionSetRow>;
};

const AUTOGEN = '__autogen_';

/**
 * Cuts from copied rows what names something that stayed behind: a row that was made by a call could not name
 * it either. `content` is what the target will have in the end.
 */
export function keepReferences({ resources, roles, sets }: Content) {
  function hasPermission(name: string): boolean {
    const [type = '', action = ''] = name.split(':');
    return resources.get(type)?.actions.some((row) => row.key === action) ?? false;
  }

  function setIsThere(key: string, owners: { has(owner: string): boolean }): boolean {
    return key.startsWith(AUTOGEN) ? owners.has(key.slice(AUTOGEN.length)) : sets.has(key);
  }

  return {
    resource(row: ResourceRow): ResourceRow {
      const relations = row.relations.filter((relation) => resources.has(relation.subject_resource));
      const leads = (rule: DerivationRow): boolean =>
        relations.some((relation) => relation.key === rule.linked_by_relation) &&
        (resources.get(rule.on_resource)?.roles.some((role) => role.key === rule.role) ?? false);
      const ownRoles = row.roles.map((role) => ({
        ...role,
        permissions: role.permissions.filter(hasPermission),
        granted_to: role.granted_to && { ...role.granted_to, rules: role.granted_to.rules.filter(leads) },
      }));
      return { ...row, relations, roles: ownRoles };
    },
    role: (row: RoleRow): RoleRow => ({
      ...row,
      permissions: row.permissions.filter(hasPermission),
      extends: row.extends.filter((key) => roles.has(key)),
    }),
    set: (row: ConditionSetRow): ConditionSetRow => ({
      ...row,
      parent: row.parent !== null && sets.get(row.parent)?.type === row.type ? row.parent : null,
    }),
    hasRule: ({ user_set, resource_set, permission }: RuleRow): boolean =>
      setIsThere(user_set, roles) && setIsThere(resource_set, resources) && hasPermission(permission),
  };
}
