import { z } from 'zod';
import { sameJson } from '../engine/attributes.ts';
import { found } from '../model/api-error.ts';
import type { Environment } from '../model/environment.ts';
import type { TenantRow, UserRow } from '../model/rows.ts';
import { associate, createTenants, deleteTenants, deleteTenantUser, updateTenant } from '../model/tenants.ts';
import { createUser } from '../model/users.ts';
import { filtered, listed, paginated } from './paging.ts';
import type { Query } from './query.ts';
import { idsOf, inEnvironment, inEnvironmentWith, noContent, ok, type Route } from './route.ts';
import { attributes, key, MOST_IN_BULK, optional, text, upTo } from './schemas.ts';
import { idents, readUser, userCreate, usersMatching } from './user-routes.ts';

const members = { description: optional(text), attributes: optional(attributes) };
const tenantCreate = z.strictObject({ key, name: text, ...members });
const tenantUpdate = z.strictObject({ name: text.optional(), ...members });
const manyTenants = z.strictObject({ operations: upTo(MOST_IN_BULK.tenants, tenantCreate) });

export function readTenant(env: Environment, tenant: TenantRow) {
  const { id, name, description, created_at, updated_at, last_action_at } = tenant;
  return {
    key: tenant.key,
    id,
    ...idsOf(env),
    created_at,
    updated_at,
    last_action_at,
    name,
    description,
    attributes: tenant.attributes,
  };
}

/** `search` looks at key and name; `attr_<name>=<value>` compares an attribute. */
function tenantsMatching(env: Environment, query: Query): Iterable<TenantRow> {
  const needle = query.text('search')?.toLowerCase();
  const wanted = [...query.entries()].filter(([name]) => name.startsWith('attr_'));
  return filtered(env.tenants.values(), (tenant) => {
    const fits =
      needle === undefined ||
      tenant.key.toLowerCase().includes(needle) ||
      tenant.name.toLowerCase().includes(needle);
    return (
      fits && wanted.every(([name, value]) => attributeEquals(tenant, name.slice('attr_'.length), value))
    );
  });
}

function attributeEquals({ attributes: stored }: TenantRow, name: string, value: string): boolean {
  if (!stored || !Object.hasOwn(stored, name)) return false;
  return sameJson(stored[name], value) || JSON.stringify(stored[name]) === value;
}

function* usersOf(env: Environment, tenant: string): Generator<UserRow> {
  for (const key of env.associations.usersOf(tenant)) {
    const user = env.users.get(key);
    if (user) yield user;
  }
}

const TENANTS = '/v2/facts/{proj_id}/{env_id}/tenants';
const TENANT = `${TENANTS}/{tenant_id}`;
const BULK = '/v2/facts/{proj_id}/{env_id}/bulk/tenants';
const tenantOf = (env: Environment, id = ''): TenantRow => found(env.tenants.find(id), 'Tenant', id);

export const tenantRoutes: readonly Route[] = [
  inEnvironment('GET', TENANTS, (env, { query }) =>
    ok(listed(tenantsMatching(env, query), query, (tenant) => readTenant(env, tenant))),
  ),
  inEnvironmentWith(
    'POST',
    TENANTS,
    tenantCreate,
    (env, body) => {
      const [tenant] = createTenants(env, [body]);
      return ok(readTenant(env, tenant as TenantRow));
    },
    { waits: true },
  ),
  inEnvironment('GET', TENANT, (env, { params }) => ok(readTenant(env, tenantOf(env, params.tenant_id)))),
  inEnvironmentWith('PATCH', TENANT, tenantUpdate, (env, body, { params }) =>
    ok(readTenant(env, updateTenant(env, params.tenant_id ?? '', body))),
  ),
  inEnvironment('DELETE', TENANT, (env, { params }) => {
    deleteTenants(env, [params.tenant_id ?? '']);
    return noContent;
  }),
  inEnvironment('GET', `${TENANT}/users`, (env, { params, query }) => {
    const full = query.flag('include_resource_instance_roles');
    const users = usersMatching(env, usersOf(env, tenantOf(env, params.tenant_id).key), query);
    return ok(paginated(users, query.page(), (user) => readUser(env, user, full)));
  }),
  inEnvironmentWith('POST', `${TENANT}/users`, userCreate, (env, body, { params }) => {
    const { key: tenant } = tenantOf(env, params.tenant_id);
    const user = createUser(env, body);
    associate(env, user.key, tenant);
    return ok(readUser(env, user));
  }),
  inEnvironment('DELETE', `${TENANT}/users/{user_id}`, (env, { params }) => {
    deleteTenantUser(env, params.tenant_id ?? '', params.user_id ?? '');
    return noContent;
  }),
  inEnvironmentWith('POST', BULK, manyTenants, (env, { operations }) => {
    createTenants(env, operations);
    return ok({});
  }),
  inEnvironmentWith('DELETE', BULK, idents(MOST_IN_BULK.tenants), (env, body) => {
    deleteTenants(env, body.idents);
    return ok({});
  }),
];
