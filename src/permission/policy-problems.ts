import type { PolicyInput } from './policy.ts';
import { policySchema } from './policy-schema.ts';

/** Every mistake of a policy in one list, empty when there is none. Pure. */
export function policyProblems(input: unknown): string[] {
  const parsed = policySchema.safeParse(input);
  if (!parsed.success) {
    return parsed.error.issues.map((issue) => `${issue.path.join('.') || 'policy'}: ${issue.message}`);
  }
  const policy = parsed.data as PolicyInput;
  return [...roleProblems(policy), ...resourceProblems(policy), ...ruleProblems(policy)];
}

/** Only what a record really has: a key may be called `constructor`. */
function own<T>(record: Readonly<Record<string, T>> | undefined, key: string): T | undefined {
  return record && Object.hasOwn(record, key) ? record[key] : undefined;
}

function permissionProblem(policy: PolicyInput, permission: string): string | undefined {
  const [resource = '', action = ''] = permission.split(':');
  const actions = own(policy.resources, resource)?.actions;
  if (!actions) return `"${permission}" names the unknown resource "${resource}"`;
  return actions.includes(action) ? undefined : `"${permission}" names an unknown action of "${resource}"`;
}

function roleProblems(policy: PolicyInput): string[] {
  return Object.entries(policy.roles).flatMap(([role, permissions]) =>
    permissions.flatMap((permission) => {
      const problem = permissionProblem(policy, permission);
      return problem ? [`roles.${role}: ${problem}`] : [];
    }),
  );
}

function resourceProblems(policy: PolicyInput): string[] {
  return Object.entries(policy.resources).flatMap(([key, resource]) => {
    const at = `resources.${key}`;
    const roles = Object.entries(resource.roles ?? {}).flatMap(([role, actions]) =>
      actions
        .filter((action) => !resource.actions.includes(action))
        .map((action) => `${at}.roles.${role}: unknown action "${action}"`),
    );
    const relations = Object.entries(resource.relations ?? {})
      .filter(([, subject]) => !own(policy.resources, subject))
      .map(([relation, subject]) => `${at}.relations.${relation}: unknown resource "${subject}"`);
    const derivations = (resource.derivations ?? []).flatMap(({ role, from, by }, index) => {
      const fromRoles = own(policy.resources, from.resource)?.roles;
      return [
        ...(own(resource.roles, role) ? [] : [`unknown role "${role}" of "${key}"`]),
        ...(own(resource.relations, by) === from.resource
          ? []
          : [`"${by}" is no relation of "${key}" to "${from.resource}"`]),
        ...(own(fromRoles, from.role) ? [] : [`unknown role "${from.role}" of "${from.resource}"`]),
      ].map((problem) => `${at}.derivations.${index}: ${problem}`);
    });
    const repeated = resource.actions.filter((action, index) => resource.actions.indexOf(action) !== index);
    return [
      ...repeated.map((action) => `${at}.actions: "${action}" stands there twice`),
      ...roles,
      ...relations,
      ...derivations,
    ];
  });
}

function ruleProblems(policy: PolicyInput): string[] {
  const sets = Object.entries(policy.resourceSets ?? {})
    .filter(([, set]) => !own(policy.resources, set.resource))
    .map(([key, set]) => `resourceSets.${key}: unknown resource "${set.resource}"`);
  const rules = (policy.rules ?? []).flatMap(({ userSet, permission, resourceSet }, index) => {
    const problem = permissionProblem(policy, permission);
    return [
      ...(problem ? [problem] : []),
      ...(own(policy.userSets, userSet) ? [] : [`unknown user set "${userSet}"`]),
      ...(own(policy.resourceSets, resourceSet) ? [] : [`unknown resource set "${resourceSet}"`]),
    ].map((text) => `rules.${index}: ${text}`);
  });
  return [...sets, ...rules];
}
