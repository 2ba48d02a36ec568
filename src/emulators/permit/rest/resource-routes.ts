import { z } from 'zod';
import { found } from '../model/api-error.ts';
import type { Environment } from '../model/environment.ts';
import { createResource, deleteResource, replaceResource, updateResource } from '../model/resources.ts';
import type { ResourceRow } from '../model/rows.ts';
import { filtered, listed } from './paging.ts';
import { readRole } from './role-routes.ts';
import { idsOf, inEnvironment, inEnvironmentWith, noContent, ok, type Route } from './route.ts';
import { attributes, attributeType, key, keyedBlocks, optional, roleBlock, text } from './schemas.ts';
import { ValidationError } from './validation-error.ts';

const legacy = { v1compat_path: optional(text), v1compat_name: optional(text) };
const actionBlock = z.strictObject({
  name: optional(text),
  description: optional(text),
  attributes: optional(attributes),
  ...legacy,
});
const attributeBlock = z.strictObject({ type: attributeType, description: optional(text) });
const members = {
  urn: optional(text),
  description: optional(text),
  type_attributes: optional(attributes),
  attributes: optional(keyedBlocks(attributeBlock)),
  roles: optional(keyedBlocks(roleBlock)),
  relations: optional(keyedBlocks(key)),
  v1compat_type: optional(text),
  ...legacy,
};
const actions = keyedBlocks(actionBlock);
const resourceCreate = z.strictObject({ key, name: text, actions, ...members });
const resourceReplace = z.strictObject({ name: text, actions, ...members });
const resourceUpdate = z.strictObject({ name: text.optional(), actions: optional(actions), ...members });

export function readResource(env: Environment, row: ResourceRow) {
  return {
    key: row.key,
    id: row.id,
    ...idsOf(env),
    created_at: row.created_at,
    updated_at: row.updated_at,
    name: row.name,
    urn: row.urn,
    description: row.description,
    actions: byKey(row.actions, ({ name, description, attributes: own, id, key: action }) => ({
      name,
      description,
      attributes: own,
      id,
      key: action,
    })),
    type_attributes: row.type_attributes,
    attributes: byKey(row.attributes, ({ type, description, id, key: attribute }) => ({
      type,
      description,
      id,
      key: attribute,
    })),
    roles: byKey(row.roles, (role) => readRole(env, role, row)),
    relations: byKey(row.relations, ({ description, key: relation, subject_resource }) => ({
      description,
      resource_id: env.resources.get(subject_resource)?.id,
      relation_name: relation,
      resource: subject_resource,
    })),
    action_groups: byKey(row.action_groups, (group) => group.actions),
  };
}

function byKey<Row extends { key: string }, Read>(rows: readonly Row[], read: (row: Row) => Read) {
  return Object.fromEntries(rows.map((row) => [row.key, read(row)]));
}

const RESOURCES = '/v2/schema/{proj_id}/{env_id}/resources';
const RESOURCE = `${RESOURCES}/{resource_id}`;
export const resourceOf = (env: Environment, id = ''): ResourceRow =>
  found(env.resources.find(id), 'Resource', id);

export const resourceRoutes: readonly Route[] = [
  inEnvironment('GET', RESOURCES, (env, { query }) => {
    const builtIns = query.flag('include_built_in');
    const needle = query.text('search')?.toLowerCase() ?? '';
    const rows = filtered(
      env.resources.values(),
      (row) =>
        (builtIns || !row.built_in) &&
        (row.key.toLowerCase().includes(needle) || row.name.toLowerCase().includes(needle)),
    );
    return ok(listed(rows, query, (row) => readResource(env, row)));
  }),
  inEnvironmentWith('POST', RESOURCES, resourceCreate, (env, body) =>
    ok(readResource(env, createResource(env, body))),
  ),
  inEnvironment('GET', RESOURCE, (env, { params }) =>
    ok(readResource(env, resourceOf(env, params.resource_id))),
  ),
  inEnvironmentWith('PUT', RESOURCE, resourceReplace, (env, body, { params }) => {
    const id = params.resource_id ?? '';
    if (!env.resources.find(id) && !key.safeParse(id).success) {
      throw new ValidationError([
        { loc: ['path', 'resource_id'], msg: 'string does not match regex', type: 'value_error.str.regex' },
      ]);
    }
    return ok(readResource(env, replaceResource(env, id, body)));
  }),
  inEnvironmentWith('PATCH', RESOURCE, resourceUpdate, (env, body, { params }) =>
    ok(readResource(env, updateResource(env, params.resource_id ?? '', body))),
  ),
  inEnvironment('DELETE', RESOURCE, (env, { params }) => {
    deleteResource(env, params.resource_id ?? '');
    return noContent;
  }),
];
