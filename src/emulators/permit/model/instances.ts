import type { Attributes } from '../engine/attributes.ts';
import { ApiError, found, notFound, requireAbsent } from './api-error.ts';
import { dropInstance } from './cascades.ts';
import type { Environment } from './environment.ts';
import type { InstanceRow } from './rows.ts';

export type InstanceInput = {
  key: string;
  tenant: string;
  resource: string;
  attributes?: Attributes | null | undefined;
};

/** An instance that is there, or one that can be made as soon as nothing else stands in the way. */
export type InstancePlan = { key: string; resource: string; name: string; tenant: string; row?: InstanceRow };

/** Instance → the tenant where an earlier item of the same call will have made it. */
export type Homes = Map<string, string>;

const NAME = /^[A-Za-z0-9\-_]+$/;

export function createInstance(env: Environment, input: InstanceInput): InstanceRow {
  const plan = planOf(env, input);
  requireAbsent(plan.row, 'Resource instance', plan.key);
  return writeInstance(env, plan, input.attributes ?? null);
}

/** Creates them, or replaces their attributes; all or none. */
export function replaceInstances(env: Environment, inputs: readonly InstanceInput[]): void {
  const homes: Homes = new Map();
  const plans = inputs.map((input) => {
    const plan = planOf(env, input);
    const home = plan.row?.tenant ?? homes.get(plan.key) ?? plan.tenant;
    if (home !== plan.tenant) throw inOtherTenant(plan.key);
    homes.set(plan.key, home);
    return { plan, attributes: input.attributes ?? null };
  });
  env.batch(() => {
    for (const { plan, attributes } of plans) writeInstance(env, plan, attributes);
  });
}

export function updateInstance(
  env: Environment,
  keyOrId: string,
  attributes: Attributes | null | undefined,
): InstanceRow {
  const row = found(env.instances.find(keyOrId), 'Resource instance', keyOrId);
  return writeInstance(env, row, attributes === undefined ? row.attributes : attributes);
}

export function deleteInstances(env: Environment, keysOrIds: readonly string[]): void {
  const rows = keysOrIds.map((keyOrId) => found(env.instances.find(keyOrId), 'Resource instance', keyOrId));
  env.batch(() => {
    for (const row of rows) dropInstance(env, row);
  });
}

/** The instance when it exists, or will by then; its type may be named by key or id. */
export function knownInstance(
  env: Environment,
  keyOrId: string,
  homes: Homes = new Map(),
): InstancePlan | undefined {
  const found = env.instances.find(keyOrId);
  const named = found ? undefined : namedInstance(env, keyOrId);
  const row = found ?? (named && env.instances.get(named.key));
  if (row) return { key: row.key, resource: row.resource, name: row.name, tenant: row.tenant, row };
  const tenant = named && homes.get(named.key);
  return named && tenant !== undefined ? { ...named, tenant } : undefined;
}

function namedInstance(env: Environment, text: string) {
  const colon = text.indexOf(':');
  const resource = colon < 1 ? undefined : env.resources.find(text.slice(0, colon))?.key;
  const name = text.slice(colon + 1);
  return resource === undefined ? undefined : { key: `${resource}:${name}`, resource, name };
}

/**
 * What a role assignment or a tuple means by `type:key` or an id. What it is going to make stands in `homes`.
 *
 * @throws {ApiError} `NOT_FOUND` when it does not exist and no tenant says where to make it;
 *   `MISMATCH_RESOURCE_INSTANCES_TENANTS` when it lives in another tenant.
 */
export function planInstance(
  env: Environment,
  keyOrId: string,
  tenant: string | undefined,
  homes: Homes = new Map(),
): InstancePlan {
  const known = knownInstance(env, keyOrId, homes);
  if (known) {
    if (tenant !== undefined && tenant !== known.tenant) throw inOtherTenant(known.key);
    return known;
  }
  const colon = keyOrId.indexOf(':');
  if (colon < 1 || tenant === undefined) notFound('Resource instance', keyOrId);
  const named = found(namedInstance(env, keyOrId), 'Resource', keyOrId.slice(0, colon));
  if (!NAME.test(named.name)) {
    throw new ApiError('INVALID_INPUT', 'the key of a resource instance is not valid');
  }
  homes.set(named.key, tenant);
  return { ...named, tenant };
}

/** The instance of the plan, made when it is still missing. */
export function applyInstance(env: Environment, plan: InstancePlan): InstanceRow {
  return plan.row ?? env.instances.get(plan.key) ?? writeInstance(env, plan, null);
}

function planOf(env: Environment, input: InstanceInput): InstancePlan {
  const resource = found(env.resources.find(input.resource), 'Resource', input.resource).key;
  const tenant = found(env.tenants.find(input.tenant), 'Tenant', input.tenant).key;
  const key = `${resource}:${input.key}`;
  const row = env.instances.get(key);
  return { key, resource, name: input.key, tenant, ...(row ? { row } : {}) };
}

function writeInstance(
  env: Environment,
  plan: Pick<InstancePlan, 'key' | 'resource' | 'name' | 'tenant'>,
  attributes: Attributes | null,
): InstanceRow {
  const before = env.instances.get(plan.key);
  const now = env.stamp();
  const { key, resource, name, tenant } = plan;
  const row = env.instances.put({
    id: before?.id ?? env.newId(),
    key,
    name,
    resource,
    tenant,
    attributes,
    created_at: before?.created_at ?? now,
    updated_at: now,
  });
  env.replica.publish(({ facts }) => facts.putInstance(key, tenant, attributes ?? {}));
  return row;
}

export function inOtherTenant(key: string): ApiError {
  return new ApiError(
    'MISMATCH_RESOURCE_INSTANCES_TENANTS',
    `resource instance '${key}' belongs to another tenant`,
  );
}
