import { ApiError, requireAbsent } from './api-error.ts';
import type { Environment } from './environment.ts';
import { keepReferences } from './kept-references.ts';
import type { EnvironmentInput, Organization } from './organization.ts';
import type { EnvironmentRow, ProjectRow } from './organization-rows.ts';
import { publishConditionSet, publishRule } from './publish.ts';
import { saveResource } from './resources.ts';
import { saveRole } from './roles.ts';
import type { ResourceRow } from './rows.ts';

type Filters = {
  include?: readonly string[] | null | undefined;
  exclude?: readonly string[] | null | undefined;
};
export type CopyInput = {
  target_env: { existing?: string | null | undefined; new?: EnvironmentInput | null | undefined };
  conflict_strategy?: 'fail' | 'overwrite' | null | undefined;
  scope?:
    | {
        resources?: Filters | null | undefined;
        roles?: Filters | null | undefined;
        user_sets?: Filters | null | undefined;
        resource_sets?: Filters | null | undefined;
      }
    | null
    | undefined;
};

/** Copies the schema, not the facts, into a new environment or an existing one of the same project. */
export function copyEnvironment(
  organization: Organization,
  project: ProjectRow,
  source: EnvironmentRow,
  { target_env, conflict_strategy, scope }: CopyInput,
): EnvironmentRow {
  const { existing, new: fresh } = target_env;
  if (Boolean(existing) === Boolean(fresh)) {
    throw new ApiError('INVALID_INPUT', 'target_env names either an existing or a new environment');
  }
  const from = organization.environment(source);
  const target = existing ? organization.environmentRow(project, existing) : undefined;
  const before = target && organization.environment(target);
  const plan = {
    resources: [...from.resources.values()].filter((row) => !row.built_in && fits(row.key, scope?.resources)),
    roles: [...from.roles.values()].filter((row) => fits(row.key, scope?.roles)),
    sets: [...from.conditionSets.values()].filter((row) =>
      fits(row.key, row.type === 'userset' ? scope?.user_sets : scope?.resource_sets),
    ),
  };
  const resources = byKey(before?.resources.values(), plan.resources);
  // A resource set is nothing without its resource.
  plan.sets = plan.sets.filter((set) => set.resource === null || resources.has(set.resource));
  if (before && conflict_strategy !== 'overwrite') requireNoConflict(before, plan);
  const keep = keepReferences({
    resources,
    roles: new Set(byKey(before?.roles.values(), plan.roles).keys()),
    sets: byKey(before?.conditionSets.values(), plan.sets),
  });

  return organization.batch(() => {
    const row = target ?? organization.createEnvironment(project, fresh as EnvironmentInput);
    const to = organization.environment(row);
    copyUserAttributes(from, to);
    for (const resource of plan.resources) {
      saveResource(to, freshResource(to, keep.resource(resource)), to.resources.get(resource.key));
    }
    for (const role of plan.roles) saveRole(to, { ...keep.role(role), id: to.newId() });
    for (const set of plan.sets) {
      publishConditionSet(to, to.conditionSets.put({ ...keep.set(set), id: to.newId() }));
    }
    for (const rule of from.rules.values()) {
      if (keep.hasRule(rule)) publishRule(to, to.rules.put({ ...rule, id: to.newId() }));
    }
    return row;
  });
}

/** What stands there already, and over it what comes. */
function byKey<Row extends { key: string }>(
  there: Iterable<Row> | undefined,
  coming: readonly Row[],
): Map<string, Row> {
  return new Map([...(there ?? []), ...coming].map((row) => [row.key, row]));
}

/** No filter copies everything; `*` stands for any text. */
function fits(key: string, filters: Filters | null | undefined): boolean {
  const matches = (patterns: readonly string[]) =>
    patterns.some((pattern) => {
      const parts = pattern.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
      return new RegExp(`^${parts.join('.*')}$`).test(key);
    });
  const include = filters?.include ?? [];
  return (include.length === 0 || matches(include)) && !matches(filters?.exclude ?? []);
}

type Plan = {
  resources: readonly { key: string }[];
  roles: readonly { key: string }[];
  sets: readonly { key: string }[];
};

function requireNoConflict(to: Environment, { resources, roles, sets }: Plan): void {
  for (const { key } of resources) requireAbsent(to.resources.get(key), 'Resource', key);
  for (const { key } of roles) requireAbsent(to.roles.get(key), 'Role', key);
  for (const { key } of sets) requireAbsent(to.conditionSets.get(key), 'Condition set', key);
}

function copyUserAttributes(from: Environment, to: Environment): void {
  const [source, target] = [from.resources.get('__user'), to.resources.get('__user')];
  if (!source || !target) return;
  const known = new Set(target.attributes.map((row) => row.key));
  const added = source.attributes.filter((row) => !known.has(row.key));
  to.resources.put({ ...target, attributes: [...target.attributes, ...added] });
}

function freshResource(to: Environment, row: ResourceRow): ResourceRow {
  const renew = <Part extends { id: string }>(part: Part): Part => ({ ...part, id: to.newId() });
  return {
    ...renew(row),
    actions: row.actions.map(renew),
    attributes: row.attributes.map(renew),
    relations: row.relations.map(renew),
    action_groups: row.action_groups.map(renew),
    roles: row.roles.map(renew),
  };
}
