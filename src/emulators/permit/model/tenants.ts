import type { Attributes } from '../engine/attributes.ts';
import { found, notFound, requireAbsent } from './api-error.ts';
import { dropAssignment, dropTenant } from './cascades.ts';
import type { Environment } from './environment.ts';
import { sent } from './input.ts';
import type { TenantRow } from './rows.ts';

export type TenantInput = {
  key: string;
  name: string;
  description?: string | null | undefined;
  attributes?: Attributes | null | undefined;
};

type TenantChanges = {
  name?: string | undefined;
  description?: string | null | undefined;
  attributes?: Attributes | null | undefined;
};

/** All or none. */
export function createTenants(env: Environment, inputs: readonly TenantInput[]): TenantRow[] {
  const seen = new Set<string>();
  for (const { key } of inputs) {
    requireAbsent(env.tenants.get(key) ?? (seen.has(key) || undefined), 'Tenant', key);
    seen.add(key);
  }
  return env.batch(() =>
    inputs.map((input) => {
      const now = env.stamp();
      return saveTenant(env, {
        id: env.newId(),
        key: input.key,
        name: input.name,
        description: input.description ?? null,
        attributes: input.attributes ?? null,
        created_at: now,
        updated_at: now,
        last_action_at: now,
      });
    }),
  );
}

export function updateTenant(env: Environment, keyOrId: string, changes: TenantChanges): TenantRow {
  const tenant = found(env.tenants.find(keyOrId), 'Tenant', keyOrId);
  return saveTenant(env, { ...tenant, ...sent(changes), updated_at: env.stamp() });
}

function saveTenant(env: Environment, tenant: TenantRow): TenantRow {
  env.tenants.put(tenant);
  env.replica.publish(({ facts }) => facts.putTenant(tenant.key, tenant.attributes ?? {}));
  return tenant;
}

export function deleteTenants(env: Environment, keysOrIds: readonly string[]): void {
  const tenants = keysOrIds.map((keyOrId) => found(env.tenants.find(keyOrId), 'Tenant', keyOrId));
  env.batch(() => {
    for (const { key } of tenants) dropTenant(env, key);
  });
}

/** The user loses every role in the tenant and stays associated with it. */
export function deleteTenantUser(env: Environment, tenantKeyOrId: string, userKeyOrId: string): void {
  const tenant = found(env.tenants.find(tenantKeyOrId), 'Tenant', tenantKeyOrId);
  const user = found(env.users.find(userKeyOrId), 'User', userKeyOrId);
  if (!env.associations.has(user.key, tenant.key)) notFound('Tenant user', user.key);
  env.batch(() => {
    for (const row of [...env.assignments.by('user', user.key)]) {
      if (row.tenant === tenant.key) dropAssignment(env, row);
    }
  });
}

/** The user belongs to the tenant from now on, with or without roles. */
export function associate(env: Environment, user: string, tenant: string): void {
  if (env.associations.has(user, tenant)) return;
  env.associations.add(user, tenant);
  env.replica.publish(({ facts }) => facts.associate(user, tenant));
}
