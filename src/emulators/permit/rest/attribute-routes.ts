import { z } from 'zod';
import { found } from '../model/api-error.ts';
import type { Environment } from '../model/environment.ts';
import { sent } from '../model/input.ts';
import { addPart, partOf, removePart, replacePart } from '../model/resource-parts.ts';
import type { AttributeRow, RelationRow, ResourceRow } from '../model/rows.ts';
import { onePage, paginated } from './paging.ts';
import { resourceOf } from './resource-routes.ts';
import { type Call, idsOf, inEnvironment, inEnvironmentWith, noContent, ok, type Route } from './route.ts';
import { attributeType, key, optional, text } from './schemas.ts';

const attributeCreate = z.strictObject({ key, type: attributeType, description: optional(text) });
const attributeUpdate = z.strictObject({ type: attributeType.optional(), description: optional(text) });
const relationCreate = z.strictObject({
  key,
  name: text,
  description: optional(text),
  subject_resource: text,
});

function readAttribute(env: Environment, resource: ResourceRow, row: AttributeRow) {
  return {
    type: row.type,
    description: row.description,
    key: row.key,
    id: row.id,
    resource_id: resource.id,
    resource_key: resource.key,
    ...idsOf(env),
    created_at: row.created_at,
    updated_at: row.updated_at,
    built_in: row.built_in,
  };
}

function readRelation(env: Environment, resource: ResourceRow, row: RelationRow) {
  return {
    description: row.description,
    subject_resource: row.subject_resource,
    key: row.key,
    name: row.name,
    id: row.id,
    ...idsOf(env),
    created_at: row.created_at,
    updated_at: row.updated_at,
    object_resource_id: resource.id,
    object_resource: resource.key,
    subject_resource_id: env.resources.get(row.subject_resource)?.id,
  };
}

/** The same five operations on a resource's attributes and, under another path, on those of users. */
function attributesAt(path: string, owner: (env: Environment, call: Call) => ResourceRow): readonly Route[] {
  const one = `${path}/{attribute_id}`;
  const attributeOf = (resource: ResourceRow, { params }: Call) =>
    partOf(resource, 'attributes', params.attribute_id ?? '');
  return [
    inEnvironment('GET', path, (env, call) => {
      const resource = owner(env, call);
      return ok(onePage(resource.attributes, call.query, (row) => readAttribute(env, resource, row)));
    }),
    inEnvironmentWith('POST', path, attributeCreate, (env, body, call) => {
      const resource = owner(env, call);
      const { type, description = null } = body;
      const part = { key: body.key, type, description, built_in: false };
      return ok(readAttribute(env, resource, addPart(env, resource, 'attributes', part)));
    }),
    inEnvironment('GET', one, (env, call) => {
      const resource = owner(env, call);
      return ok(readAttribute(env, resource, attributeOf(resource, call)));
    }),
    inEnvironmentWith('PATCH', one, attributeUpdate, (env, body, call) => {
      const resource = owner(env, call);
      const part = { ...attributeOf(resource, call), ...sent(body) };
      return ok(readAttribute(env, resource, replacePart(env, resource, 'attributes', part)));
    }),
    inEnvironment('DELETE', one, (env, call) => {
      const resource = owner(env, call);
      removePart(env, resource, 'attributes', attributeOf(resource, call));
      return noContent;
    }),
  ];
}

const RELATIONS = '/v2/schema/{proj_id}/{env_id}/resources/{resource_id}/relations';
const RELATION = `${RELATIONS}/{relation_id}`;

const relationRoutes: readonly Route[] = [
  inEnvironment('GET', RELATIONS, (env, { params, query }) => {
    const resource = resourceOf(env, params.resource_id);
    return ok(paginated(resource.relations, query.page(), (row) => readRelation(env, resource, row)));
  }),
  inEnvironmentWith('POST', RELATIONS, relationCreate, (env, body, { params }) => {
    const resource = resourceOf(env, params.resource_id);
    const subject = found(env.resources.find(body.subject_resource), 'Resource', body.subject_resource);
    const { name, description = null } = body;
    const part = { key: body.key, name, description, subject_resource: subject.key };
    return ok(readRelation(env, resource, addPart(env, resource, 'relations', part)));
  }),
  inEnvironment('GET', RELATION, (env, { params }) => {
    const resource = resourceOf(env, params.resource_id);
    return ok(readRelation(env, resource, partOf(resource, 'relations', params.relation_id ?? '')));
  }),
  inEnvironment('DELETE', RELATION, (env, { params }) => {
    const resource = resourceOf(env, params.resource_id);
    removePart(env, resource, 'relations', partOf(resource, 'relations', params.relation_id ?? ''));
    return noContent;
  }),
];

export const attributeRoutes: readonly Route[] = [
  ...attributesAt('/v2/schema/{proj_id}/{env_id}/resources/{resource_id}/attributes', (env, { params }) =>
    resourceOf(env, params.resource_id),
  ),
  ...attributesAt('/v2/schema/{proj_id}/{env_id}/users/attributes', (env, { query }) =>
    resourceOf(env, query.text('resource_id') ?? '__user'),
  ),
  ...relationRoutes,
];
