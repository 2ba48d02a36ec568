export type RoleMap = {
  /** Role key of the policy for a role's name at Logto; `undefined` when there is none, or more than one claims it. */
  keyOf(name: string): string | undefined;
  /** Names that share a slug and therefore map to nothing. */
  conflicts: string[][];
};

/** `Org Admin` → `org-admin`; empty when nothing of the name can stand in a key. */
export function slugOf(name: string): string {
  return name
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9_]+/g, '-')
    .replace(/^-+|-+$/g, '');
}

function groupBySlug(names: Iterable<string>): Map<string, Set<string>> {
  const groups = new Map<string, Set<string>>();
  for (const name of names) {
    const slug = slugOf(name);
    groups.set(slug, (groups.get(slug) ?? new Set()).add(name));
  }
  return groups;
}

/**
 * Which role of the policy a Logto role stands for. A name has to be the only one with its slug: were `Admin`
 * and `admin` one role here, whoever may create roles at Logto could make himself an administrator.
 *
 * @param names every role name at Logto of one kind (global roles, or organization roles)
 * @example
 * createRoleMap(['Org Admin', 'viewer'], ['org-admin', 'viewer']).keyOf('Org Admin'); // 'org-admin'
 */
export function createRoleMap(names: Iterable<string>, roleKeys: readonly string[]): RoleMap {
  const keys = groupBySlug(roleKeys);
  const groups = groupBySlug(names);
  const conflicts = [...groups.values()].filter((group) => group.size > 1).map((group) => [...group].sort());

  return {
    conflicts,
    keyOf(name) {
      const slug = slugOf(name);
      const group = groups.get(slug);
      const [key, another] = keys.get(slug) ?? [];
      return group?.size === 1 && group.has(name) && slug !== '' && another === undefined ? key : undefined;
    },
  };
}
