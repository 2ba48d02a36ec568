import { z } from 'zod';
import { found } from '../model/api-error.ts';
import type { Environment } from '../model/environment.ts';
import { createInstance, deleteInstances, replaceInstances, updateInstance } from '../model/instances.ts';
import type { InstanceRow } from '../model/rows.ts';
import { filtered, listed, paginated } from './paging.ts';
import type { Query } from './query.ts';
import { idsOf, inEnvironment, inEnvironmentWith, noContent, ok, type Route } from './route.ts';
import { attributes, key, MOST_IN_BULK, optional, text, upTo } from './schemas.ts';
import { idents } from './user-routes.ts';

const instanceCreate = z.strictObject({
  key,
  tenant: text,
  resource: text,
  attributes: optional(attributes),
});

function readInstance(env: Environment, row: InstanceRow) {
  return {
    key: row.name,
    tenant: row.tenant,
    resource: row.resource,
    id: row.id,
    ...idsOf(env),
    created_at: row.created_at,
    updated_at: row.updated_at,
    resource_id: env.resources.get(row.resource)?.id,
    tenant_id: env.tenants.get(row.tenant)?.id,
    attributes: row.attributes,
  };
}

function readDetailed(env: Environment, row: InstanceRow) {
  const tuples = new Set([...env.tuples.by('subject', row.key), ...env.tuples.by('object', row.key)]);
  const relationships = [...tuples].map(({ subject, relation, object }) => ({ subject, relation, object }));
  return { ...readInstance(env, row), relationships };
}

function instancesMatching(env: Environment, query: Query): Iterable<InstanceRow> {
  const tenantId = query.text('tenant');
  const resourceId = query.text('resource');
  const search = query.texts('search');
  const tenant = tenantId === undefined ? undefined : (env.tenants.find(tenantId)?.key ?? tenantId);
  const resource = resourceId === undefined ? undefined : (env.resources.find(resourceId)?.key ?? resourceId);
  const source =
    tenant !== undefined
      ? env.instances.by('tenant', tenant)
      : resource !== undefined
        ? env.instances.by('resource', resource)
        : env.instances.values();
  return filtered(
    source,
    (row) =>
      (resource === undefined || row.resource === resource) &&
      (search.length === 0 ||
        search.some((needle) => row.id === needle || row.name.includes(needle) || row.key === needle)),
  );
}

const INSTANCES = '/v2/facts/{proj_id}/{env_id}/resource_instances';
const INSTANCE = `${INSTANCES}/{instance_id}`;
const BULK = '/v2/facts/{proj_id}/{env_id}/bulk/resource_instances';

export const instanceRoutes: readonly Route[] = [
  inEnvironment('GET', INSTANCES, (env, { query }) => {
    const read = query.flag('detailed') ? readDetailed : readInstance;
    return ok(listed<InstanceRow, unknown>(instancesMatching(env, query), query, (row) => read(env, row)));
  }),
  inEnvironment('GET', `${INSTANCES}/detailed`, (env, { query }) =>
    ok(paginated(instancesMatching(env, query), query.page(), (row) => readDetailed(env, row))),
  ),
  inEnvironmentWith(
    'POST',
    INSTANCES,
    instanceCreate,
    (env, body) => ok(readInstance(env, createInstance(env, body))),
    { waits: true },
  ),
  inEnvironment('GET', INSTANCE, (env, { params, query }) => {
    const id = params.instance_id ?? '';
    const row = found(env.instances.find(id), 'Resource instance', id);
    return ok(query.flag('detailed') ? readDetailed(env, row) : readInstance(env, row));
  }),
  inEnvironmentWith(
    'PATCH',
    INSTANCE,
    z.strictObject({ attributes: optional(attributes) }),
    (env, body, { params }) =>
      ok(readInstance(env, updateInstance(env, params.instance_id ?? '', body.attributes))),
    { waits: true },
  ),
  inEnvironment('DELETE', INSTANCE, (env, { params }) => {
    deleteInstances(env, [params.instance_id ?? '']);
    return noContent;
  }),
  inEnvironmentWith(
    'PUT',
    BULK,
    z.strictObject({ operations: upTo(MOST_IN_BULK.instances, instanceCreate) }),
    (env, { operations }) => {
      replaceInstances(env, operations);
      return ok({});
    },
  ),
  inEnvironmentWith('DELETE', BULK, idents(MOST_IN_BULK.instances), (env, body) => {
    deleteInstances(env, body.idents);
    return ok({});
  }),
];
