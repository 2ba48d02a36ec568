import { z } from 'zod';
import type { Environment } from '../model/environment.ts';
import type { TupleRow } from '../model/rows.ts';
import { createTuple, createTuples, deleteTuple, deleteTuples } from '../model/tuples.ts';
import { filtered, listed, paginated } from './paging.ts';
import type { Query } from './query.ts';
import { idsOf, inEnvironment, inEnvironmentWith, noContent, ok, type Route } from './route.ts';
import { MOST_IN_BULK, optional, text, upTo } from './schemas.ts';

const tupleDelete = z.strictObject({ subject: text, relation: text, object: text });
const tupleCreate = tupleDelete.extend({ tenant: optional(text) });

const typeOf = (instance: string): string => instance.slice(0, instance.indexOf(':'));

function relationOf(env: Environment, row: TupleRow) {
  return env.resources.get(typeOf(row.object))?.relations.find(({ key }) => key === row.relation);
}

function readTuple(env: Environment, row: TupleRow) {
  return {
    subject: row.subject,
    relation: row.relation,
    object: row.object,
    id: row.id,
    tenant: row.tenant,
    subject_id: env.instances.get(row.subject)?.id,
    relation_id: relationOf(env, row)?.id,
    object_id: env.instances.get(row.object)?.id,
    tenant_id: env.tenants.get(row.tenant)?.id,
    ...idsOf(env),
    created_at: row.created_at,
    updated_at: row.updated_at,
  };
}

function readDetailed(env: Environment, row: TupleRow) {
  const relation = relationOf(env, row);
  const tenant = env.tenants.get(row.tenant);
  return {
    ...readTuple(env, row),
    subject_details: readEnd(env, row.subject),
    relation_details: relation
      ? { key: relation.key, name: relation.name, description: relation.description }
      : null,
    object_details: readEnd(env, row.object),
    tenant_details: tenant
      ? {
          key: tenant.key,
          name: tenant.name,
          description: tenant.description,
          attributes: tenant.attributes ?? {},
        }
      : null,
  };
}

function readEnd(env: Environment, name: string) {
  const row = env.instances.get(name);
  if (!row) return null;
  return { key: row.name, tenant: row.tenant, resource: row.resource, attributes: row.attributes ?? {} };
}

function tuplesMatching(env: Environment, query: Query): Iterable<TupleRow> {
  const instance = (name: string) => {
    const id = query.text(name);
    return id === undefined ? undefined : (env.instances.find(id)?.key ?? id);
  };
  const type = (name: string) => {
    const id = query.text(name);
    return id === undefined ? undefined : (env.resources.find(id)?.key ?? id);
  };
  const tenantId = query.text('tenant');
  const tenant = tenantId === undefined ? undefined : (env.tenants.find(tenantId)?.key ?? tenantId);
  const relation = query.text('relation');
  const [subject, object] = [instance('subject'), instance('object')];
  const [subjectType, objectType] = [type('subject_type'), type('object_type')];
  const source =
    subject !== undefined
      ? env.tuples.by('subject', subject)
      : object !== undefined
        ? env.tuples.by('object', object)
        : tenant !== undefined
          ? env.tuples.by('tenant', tenant)
          : env.tuples.values();
  return filtered(
    source,
    (row) =>
      (tenant === undefined || row.tenant === tenant) &&
      (object === undefined || row.object === object) &&
      (relation === undefined || row.relation === relation || relationOf(env, row)?.id === relation) &&
      (subjectType === undefined || typeOf(row.subject) === subjectType) &&
      (objectType === undefined || typeOf(row.object) === objectType),
  );
}

const TUPLES = '/v2/facts/{proj_id}/{env_id}/relationship_tuples';

export const tupleRoutes: readonly Route[] = [
  inEnvironment('GET', TUPLES, (env, { query }) => {
    const read = query.flag('detailed') ? readDetailed : readTuple;
    return ok(listed<TupleRow, unknown>(tuplesMatching(env, query), query, (row) => read(env, row)));
  }),
  inEnvironment('GET', `${TUPLES}/detailed`, (env, { query }) =>
    ok(paginated(tuplesMatching(env, query), query.page(), (row) => readDetailed(env, row))),
  ),
  inEnvironmentWith('POST', TUPLES, tupleCreate, (env, body) => ok(readTuple(env, createTuple(env, body))), {
    waits: true,
  }),
  inEnvironmentWith('DELETE', TUPLES, tupleDelete, (env, body) => {
    deleteTuple(env, body);
    return noContent;
  }),
  inEnvironmentWith(
    'POST',
    `${TUPLES}/bulk`,
    z.strictObject({ operations: upTo(MOST_IN_BULK.tuples, tupleCreate) }),
    (env, { operations }) => {
      createTuples(env, operations);
      return ok({});
    },
  ),
  inEnvironmentWith(
    'DELETE',
    `${TUPLES}/bulk`,
    z.strictObject({ idents: upTo(MOST_IN_BULK.tuples, tupleDelete) }),
    (env, { idents }) => {
      deleteTuples(env, idents);
      return ok({});
    },
  ),
];
