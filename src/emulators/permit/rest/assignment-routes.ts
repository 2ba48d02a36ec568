import { z } from 'zod';
import { found } from '../model/api-error.ts';
import {
  type AssignmentPlan,
  applyAssignment,
  assignRole,
  planAssignment,
  planRemoval,
  unassignRole,
} from '../model/assignments.ts';
import { assignmentsIn, dropAssignment } from '../model/cascades.ts';
import type { Environment } from '../model/environment.ts';
import type { Homes } from '../model/instances.ts';
import type { AssignmentRow } from '../model/rows.ts';
import { createUser } from '../model/users.ts';
import { filtered, listed, paginated } from './paging.ts';
import type { Query } from './query.ts';
import { type Answer, idsOf, inEnvironment, inEnvironmentWith, noContent, ok, type Route } from './route.ts';
import { MOST_IN_BULK, optional, text, upTo, userKey } from './schemas.ts';
import { ValidationError } from './validation-error.ts';

const roleCreate = { role: text, tenant: optional(text), resource_instance: optional(text) };
const roleRemove = { role: text, tenant: text, resource_instance: optional(text) };
const assignmentCreate = z.strictObject({ user: text, ...roleCreate });
const assignmentRemove = z.strictObject({ user: text, ...roleRemove });
type AssignmentBody = z.infer<typeof assignmentCreate>;

function readAssignment(env: Environment, row: AssignmentRow) {
  return {
    id: row.id,
    user: row.user,
    role: row.role,
    tenant: row.tenant,
    resource_instance: row.instance,
    resource_instance_id: row.instance === null ? null : (env.instances.get(row.instance)?.id ?? null),
    user_id: env.users.get(row.user)?.id,
    role_id: roleOf(env, row)?.id,
    tenant_id: env.tenants.get(row.tenant)?.id,
    ...idsOf(env),
    created_at: row.created_at,
  };
}

function readDetailed(env: Environment, row: AssignmentRow) {
  const user = env.users.get(row.user);
  const role = roleOf(env, row);
  const tenant = env.tenants.get(row.tenant);
  const instance = row.instance === null ? undefined : env.instances.get(row.instance);
  return {
    id: row.id,
    user: {
      id: user?.id,
      key: row.user,
      email: user?.email ?? null,
      first_name: user?.first_name ?? null,
      last_name: user?.last_name ?? null,
      attributes: user?.attributes ?? {},
    },
    role: { id: role?.id, key: row.role, name: role?.name, permissions: role?.permissions ?? [] },
    tenant: { id: tenant?.id, key: row.tenant, name: tenant?.name, attributes: tenant?.attributes ?? {} },
    resource_instance: instance
      ? {
          id: instance.id,
          key: instance.name,
          resource: instance.resource,
          attributes: instance.attributes ?? {},
        }
      : null,
    ...idsOf(env),
    created_at: row.created_at,
  };
}

function roleOf(env: Environment, row: AssignmentRow) {
  if (row.instance === null) return env.roles.get(row.role);
  const type = row.instance.slice(0, row.instance.indexOf(':'));
  return env.resources.get(type)?.roles.find((role) => role.key === row.role);
}

/** The narrowest index first: a filter by user never walks a million assignments. */
function assignmentsMatching(env: Environment, query: Query): Iterable<AssignmentRow> {
  // Key and id may name one user.
  const users = [...new Set(query.texts('user').map((id) => env.users.find(id)?.key ?? id))];
  const tenants = [...new Set(query.texts('tenant').map((id) => env.tenants.find(id)?.key ?? id))];
  const roles = query.texts('role');
  const type = query.text('resource');
  const resource = type === undefined ? undefined : (env.resources.find(type)?.key ?? type);
  const instanceId = query.text('resource_instance');
  const instance = instanceId === undefined ? undefined : (env.instances.find(instanceId)?.key ?? instanceId);

  const source =
    users.length > 0
      ? users.flatMap((user) => [...env.assignments.by('user', user)])
      : instance !== undefined
        ? env.assignments.by('instance', instance)
        : tenants.length === 1
          ? assignmentsIn(env, tenants[0] ?? '')
          : env.assignments.values();
  return filtered(
    source,
    (row) =>
      (tenants.length === 0 || tenants.includes(row.tenant)) &&
      (roles.length === 0 || roles.includes(row.role) || roles.includes(roleOf(env, row)?.id ?? '')) &&
      (resource === undefined || row.instance?.startsWith(`${resource}:`) === true) &&
      (instance === undefined || row.instance === instance),
  );
}

function removed(env: Environment, row: AssignmentRow, before: unknown, query: Query): Answer {
  return query.flag('return_deleted') ? ok(before ?? readAssignment(env, row)) : noContent;
}

function unassign(env: Environment, body: AssignmentBody, query: Query): Answer {
  // Its ids are read before it goes.
  const row = planRemoval(env, body);
  const before = row && readAssignment(env, row);
  query.flag('return_deleted');
  return removed(env, unassignRole(env, body), before, query);
}

const ASSIGNMENTS = '/v2/facts/{proj_id}/{env_id}/role_assignments';
const USER_ROLES = '/v2/facts/{proj_id}/{env_id}/users/{user_id}/roles';

export const assignmentRoutes: readonly Route[] = [
  inEnvironment('GET', ASSIGNMENTS, (env, { query }) => {
    const detailed = query.flag('detailed');
    const read = (row: AssignmentRow) => (detailed ? readDetailed(env, row) : readAssignment(env, row));
    return ok(listed<AssignmentRow, unknown>(assignmentsMatching(env, query), query, read, 1000));
  }),
  inEnvironment('GET', `${ASSIGNMENTS}/detailed`, (env, { query }) =>
    ok(paginated(assignmentsMatching(env, query), query.page(1000), (row) => readDetailed(env, row))),
  ),
  inEnvironmentWith(
    'POST',
    ASSIGNMENTS,
    assignmentCreate,
    (env, body) => ok(readAssignment(env, assignRole(env, body))),
    { waits: true },
  ),
  inEnvironmentWith(
    'DELETE',
    ASSIGNMENTS,
    assignmentRemove,
    (env, body, { query }) => unassign(env, body, query),
    { waits: true },
  ),
  inEnvironmentWith(
    'POST',
    USER_ROLES,
    z.strictObject(roleCreate),
    (env, body, { params }) =>
      ok(readAssignment(env, assignRole(env, { ...body, user: params.user_id ?? '' }))),
    { waits: true },
  ),
  inEnvironmentWith(
    'DELETE',
    USER_ROLES,
    z.strictObject(roleRemove),
    (env, body, { params, query }) => unassign(env, { ...body, user: params.user_id ?? '' }, query),
    { waits: true },
  ),
  inEnvironmentWith(
    'POST',
    `${ASSIGNMENTS}/bulk`,
    upTo(MOST_IN_BULK.assignments, assignmentCreate),
    (env, body, { query }) => {
      const missing = query.oneOf('missing_user_policy', ['fail', 'ignore', 'create']) ?? 'fail';
      return ok({ assignments_created: assignMany(env, body, missing) });
    },
  ),
  inEnvironmentWith(
    'DELETE',
    `${ASSIGNMENTS}/bulk`,
    upTo(MOST_IN_BULK.assignments, assignmentRemove),
    (env, body) => {
      const rows = new Set(body.map((item) => planRemoval(env, item)).filter((row) => row !== undefined));
      env.batch(() => {
        for (const row of rows) dropAssignment(env, row);
      });
      return ok({ assignments_removed: rows.size });
    },
  ),
];

/** All or none; what is assigned already does not count. */
function assignMany(
  env: Environment,
  inputs: readonly AssignmentBody[],
  missing: 'fail' | 'ignore' | 'create',
): number {
  const unknown = new Set<string>();
  const plans: AssignmentPlan[] = [];
  const homes: Homes = new Map();
  for (const input of inputs) {
    const user = env.users.find(input.user)?.key;
    if (user === undefined) {
      if (missing === 'ignore') continue;
      if (missing === 'fail') found(undefined, 'User', input.user);
      if (!userKey.safeParse(input.user).success) {
        throw new ValidationError([
          { loc: ['body', 'user'], msg: 'string does not match regex', type: 'value_error.str.regex' },
        ]);
      }
      unknown.add(input.user);
    }
    plans.push(planAssignment(env, user ?? input.user, input, homes));
  }
  return env.batch(() => {
    for (const key of unknown) createUser(env, { key });
    return plans.filter((plan) => applyAssignment(env, plan).created).length;
  });
}
