import { ApiError, found } from './api-error.ts';
import { dropAssignment } from './cascades.ts';
import type { Environment } from './environment.ts';
import { applyInstance, type Homes, type InstancePlan, knownInstance, planInstance } from './instances.ts';
import type { AssignmentRow } from './rows.ts';
import { associate } from './tenants.ts';

export type AssignmentInput = {
  user: string;
  role: string;
  tenant?: string | null | undefined;
  /** `type:key` or an id. */
  resource_instance?: string | null | undefined;
};

/** An assignment whose parts all exist, or can be made. */
export type AssignmentPlan = {
  key: string;
  user: string;
  role: string;
  tenant: string;
  instance: InstancePlan | undefined;
};

/**
 * Checks a role assignment for a user key without writing anything. The items of one call share their `homes`.
 *
 * @throws {ApiError} `NOT_FOUND` for an unknown role, tenant or instance.
 */
export function planAssignment(
  env: Environment,
  user: string,
  input: Omit<AssignmentInput, 'user'>,
  homes?: Homes,
): AssignmentPlan {
  // `""` was sent: it names something that is not there, and never means the whole tenant.
  const tenant =
    input.tenant == null ? undefined : found(env.tenants.find(input.tenant), 'Tenant', input.tenant).key;
  if (input.resource_instance == null) {
    if (tenant === undefined) throw new ApiError('INVALID_INPUT', 'a tenant role needs a tenant');
    const role = found(env.roles.find(input.role), 'Role', input.role).key;
    return { key: [user, role, tenant].join(' '), user, role, tenant, instance: undefined };
  }
  const instance = planInstance(env, input.resource_instance, tenant, homes);
  const roles = env.resources.get(instance.resource)?.roles ?? [];
  const own = `${instance.resource}#`;
  const wanted = input.role.startsWith(own) ? input.role.slice(own.length) : input.role;
  const row = roles.find((role) => role.key === wanted || role.id === wanted);
  const role = found(row, `Role of resource '${instance.resource}'`, input.role).key;
  return { key: [user, role, instance.key].join(' '), user, role, tenant: instance.tenant, instance };
}

/** Carries a plan out; what is assigned already stays as it is. */
export function applyAssignment(
  env: Environment,
  plan: AssignmentPlan,
): { assignment: AssignmentRow; created: boolean } {
  const before = env.assignments.get(plan.key);
  if (before) return { assignment: before, created: false };
  const { key, user, role } = plan;
  const instance = plan.instance ? applyInstance(env, plan.instance) : undefined;
  const tenant = instance?.tenant ?? plan.tenant;
  const assignment = env.assignments.put({
    id: env.newId(),
    key,
    user,
    role,
    tenant,
    instance: instance?.key ?? null,
    created_at: env.stamp(),
  });
  associate(env, user, tenant);
  env.replica.publish(({ facts }) => facts.assign({ user, role, tenant, instance: instance?.key }));
  return { assignment, created: true };
}

/** @throws {ApiError} `DUPLICATE_ENTITY` when it is assigned already. */
export function assignRole(env: Environment, input: AssignmentInput): AssignmentRow {
  const user = found(env.users.find(input.user), 'User', input.user).key;
  const plan = planAssignment(env, user, input);
  return env.batch(() => {
    const { assignment, created } = applyAssignment(env, plan);
    if (!created && env.settings.duplicateAssignment === 'refuse') {
      throw new ApiError('DUPLICATE_ENTITY', `role '${plan.role}' is assigned to user '${user}' already`);
    }
    return assignment;
  });
}

/** @throws {ApiError} `NOT_FOUND` when it is not assigned. */
export function unassignRole(env: Environment, input: AssignmentInput): AssignmentRow {
  const row = found(planRemoval(env, input), 'Role assignment', `${input.user} ${input.role}`);
  dropAssignment(env, row);
  return row;
}

/** @returns `undefined` when everything exists but the assignment itself. */
export function planRemoval(env: Environment, input: AssignmentInput): AssignmentRow | undefined {
  const user = found(env.users.find(input.user), 'User', input.user).key;
  if (input.resource_instance != null) {
    found(knownInstance(env, input.resource_instance), 'Resource instance', input.resource_instance);
  }
  return env.assignments.get(planAssignment(env, user, input).key);
}
