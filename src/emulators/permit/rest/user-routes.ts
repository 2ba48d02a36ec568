import { z } from 'zod';
import { found } from '../model/api-error.ts';
import type { Environment } from '../model/environment.ts';
import type { UserRow } from '../model/rows.ts';
import { createUser, createUsers, deleteUsers, replaceUser, updateUser, writeUsers } from '../model/users.ts';
import { filtered, paginated } from './paging.ts';
import type { Query } from './query.ts';
import { idsOf, inEnvironment, inEnvironmentWith, noContent, ok, type Route } from './route.ts';
import { attributes, MOST_IN_BULK, optional, text, upTo, userKey } from './schemas.ts';
import { ValidationError } from './validation-error.ts';

const roleOfUser = z.strictObject({ role: text, tenant: optional(text), resource_instance: optional(text) });
const profile = {
  email: optional(z.email()),
  first_name: optional(text),
  last_name: optional(text),
  attributes: optional(attributes),
};
export const userCreate = z.strictObject({
  key: userKey,
  ...profile,
  role_assignments: optional(z.array(roleOfUser)),
});
const userUpdate = z.strictObject(profile);
const manyUsers = z.strictObject({ operations: upTo(MOST_IN_BULK.users, userCreate) });
export const idents = (most: number) => z.strictObject({ idents: upTo(most, text) });

/** A user with tenant roles, and the tenants that the user belongs to. */
export function readUser(env: Environment, user: UserRow, withInstanceRoles = false) {
  const assignments = [...env.assignments.by('user', user.key)];
  const tenants = [...env.associations.tenantsOf(user.key)];
  const inTenant = assignments.filter((row) => row.instance === null);
  return {
    key: user.key,
    id: user.id,
    ...idsOf(env),
    associated_tenants: tenants.map((tenant) => ({
      tenant,
      roles: inTenant.filter((row) => row.tenant === tenant).map((row) => row.role),
      status: 'active',
      resource_instance_roles: withInstanceRoles
        ? assignments
            .filter((row) => row.tenant === tenant && row.instance !== null)
            .map(({ instance, role }) => instanceRole(instance ?? '', role))
        : [],
    })),
    roles: inTenant.map(({ role, tenant }) => ({ role, tenant })),
    created_at: user.created_at,
    updated_at: user.updated_at,
    email: user.email,
    first_name: user.first_name,
    last_name: user.last_name,
    attributes: user.attributes,
  };
}

function instanceRole(instance: string, role: string) {
  const colon = instance.indexOf(':');
  return { resource_instance: instance.slice(colon + 1), resource: instance.slice(0, colon), role };
}

/** `search` looks at key, e-mail and names; `role=""` means users without a role. */
export function usersMatching(env: Environment, users: Iterable<UserRow>, query: Query): Iterable<UserRow> {
  const operator = query.oneOf('search_operator', ['startswith', 'endswith', 'contains']) ?? 'contains';
  const needle = query.text('search')?.toLowerCase();
  const role = query.text('role');
  const matches = (value: string | null): boolean => {
    const hay = value?.toLowerCase() ?? '';
    if (needle === undefined) return true;
    if (operator === 'startswith') return hay.startsWith(needle);
    return operator === 'endswith' ? hay.endsWith(needle) : hay.includes(needle);
  };
  const hasRole = (user: UserRow): boolean => {
    if (role === undefined) return true;
    const rows = env.assignments.by('user', user.key);
    if (role === '') return rows.size === 0;
    const key = env.roles.find(role)?.key ?? role;
    return [...rows].some((row) => row.role === key);
  };
  return filtered(
    users,
    (user) =>
      [user.key, user.email, user.first_name, user.last_name].some((value) => matches(value)) &&
      hasRole(user),
  );
}

const USERS = '/v2/facts/{proj_id}/{env_id}/users';
const USER = `${USERS}/{user_id}`;
const BULK = '/v2/facts/{proj_id}/{env_id}/bulk/users';
const userOf = (env: Environment, id: string | undefined) =>
  found(env.users.find(id ?? ''), 'User', id ?? '');

export const userRoutes: readonly Route[] = [
  inEnvironment('GET', USERS, (env, { query }) => {
    const full = query.flag('include_resource_instance_roles');
    const users = usersMatching(env, env.users.values(), query);
    return ok(paginated(users, query.page(), (user) => readUser(env, user, full)));
  }),
  inEnvironmentWith('POST', USERS, userCreate, (env, body) => ok(readUser(env, createUser(env, body))), {
    waits: true,
  }),
  inEnvironment('GET', USER, (env, { params }) => ok(readUser(env, userOf(env, params.user_id), true))),
  inEnvironmentWith(
    'PUT',
    USER,
    userCreate,
    (env, body, { params }) => {
      // The path may name the user by id; the body's key is the one that is written.
      const named = env.users.find(params.user_id ?? '')?.key ?? params.user_id;
      if (named !== body.key) {
        throw new ValidationError([
          { loc: ['body', 'key'], msg: 'key does not match the user in the path', type: 'value_error' },
        ]);
      }
      const { user, created } = replaceUser(env, body);
      return { status: created ? 201 : 200, body: readUser(env, user) };
    },
    { waits: true },
  ),
  inEnvironmentWith(
    'PATCH',
    USER,
    userUpdate,
    (env, body, { params }) => ok(readUser(env, updateUser(env, params.user_id ?? '', body))),
    { waits: true },
  ),
  inEnvironment('DELETE', USER, (env, { params }) => {
    deleteUsers(env, [params.user_id ?? '']);
    return noContent;
  }),
  inEnvironmentWith('POST', BULK, manyUsers, (env, { operations }) => {
    createUsers(env, operations);
    return ok({});
  }),
  inEnvironmentWith('PUT', BULK, manyUsers, (env, { operations }) => {
    writeUsers(env, operations);
    return ok({});
  }),
  inEnvironmentWith('DELETE', BULK, idents(MOST_IN_BULK.users), (env, body) => {
    deleteUsers(env, body.idents);
    return ok({});
  }),
];
