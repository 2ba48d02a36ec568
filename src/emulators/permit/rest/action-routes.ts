import { z } from 'zod';
import { found } from '../model/api-error.ts';
import type { Environment } from '../model/environment.ts';
import { sent } from '../model/input.ts';
import { addPart, partOf, removePart, replacePart } from '../model/resource-parts.ts';
import type { ActionGroupRow, ActionRow, ResourceRow } from '../model/rows.ts';
import { onePage } from './paging.ts';
import { resourceOf } from './resource-routes.ts';
import { idsOf, inEnvironment, inEnvironmentWith, noContent, ok, type Route } from './route.ts';
import { attributes, key, optional, text } from './schemas.ts';

const described = { description: optional(text), attributes: optional(attributes) };
const legacy = {
  v1compat_path: optional(text),
  v1compat_is_built_in: optional(z.boolean()),
  v1compat_name: optional(text),
};
const actionCreate = z.strictObject({ key, name: text, ...described, ...legacy });
const actionUpdate = z.strictObject({ name: text.optional(), ...described, ...legacy });
const groupCreate = z.strictObject({ key, name: text, ...described, actions: optional(z.array(text)) });
const groupUpdate = z.strictObject({
  name: text.optional(),
  ...described,
  actions: optional(z.array(text)),
});

function readPart(env: Environment, resource: ResourceRow, row: ActionRow | ActionGroupRow) {
  const { name, description, attributes: own, id, created_at, updated_at } = row;
  return {
    name,
    description,
    attributes: own,
    key: row.key,
    id,
    ...idsOf(env),
    resource_id: resource.id,
    created_at,
    updated_at,
  };
}

const readAction = (env: Environment, resource: ResourceRow, row: ActionRow) => ({
  ...readPart(env, resource, row),
  permission_name: `${resource.key}:${row.key}`,
});
const readGroup = (env: Environment, resource: ResourceRow, row: ActionGroupRow) => ({
  ...readPart(env, resource, row),
  actions: row.actions,
});

/** Action keys of the group, from keys or ids. */
function actionKeys(resource: ResourceRow, actions: readonly string[]): string[] {
  const keys = actions.map((name) => {
    const row = resource.actions.find((action) => action.key === name || action.id === name);
    return found(row, `Action of resource '${resource.key}'`, name).key;
  });
  return [...new Set(keys)];
}

const ACTIONS = '/v2/schema/{proj_id}/{env_id}/resources/{resource_id}/actions';
const ACTION = `${ACTIONS}/{action_id}`;
const GROUPS = '/v2/schema/{proj_id}/{env_id}/resources/{resource_id}/action_groups';
const GROUP = `${GROUPS}/{action_group_id}`;

const actionRoutesOnly: readonly Route[] = [
  inEnvironment('GET', ACTIONS, (env, { params, query }) => {
    const resource = resourceOf(env, params.resource_id);
    return ok(onePage(resource.actions, query, (row) => readAction(env, resource, row)));
  }),
  inEnvironmentWith('POST', ACTIONS, actionCreate, (env, body, { params }) => {
    const resource = resourceOf(env, params.resource_id);
    const { name, description = null, attributes: own = null } = body;
    const part = { key: body.key, name, description, attributes: own };
    return ok(readAction(env, resource, addPart(env, resource, 'actions', part)));
  }),
  inEnvironment('GET', ACTION, (env, { params }) => {
    const resource = resourceOf(env, params.resource_id);
    return ok(readAction(env, resource, partOf(resource, 'actions', params.action_id ?? '')));
  }),
  inEnvironmentWith('PATCH', ACTION, actionUpdate, (env, body, { params }) => {
    const resource = resourceOf(env, params.resource_id);
    const before = partOf(resource, 'actions', params.action_id ?? '');
    const { name, description, attributes: own } = body;
    const part = { ...before, ...sent({ name, description, attributes: own }) };
    return ok(readAction(env, resource, replacePart(env, resource, 'actions', part)));
  }),
  inEnvironment('DELETE', ACTION, (env, { params }) => {
    const resource = resourceOf(env, params.resource_id);
    removePart(env, resource, 'actions', partOf(resource, 'actions', params.action_id ?? ''));
    return noContent;
  }),
];

const groupRoutes: readonly Route[] = [
  inEnvironment('GET', GROUPS, (env, { params, query }) => {
    const resource = resourceOf(env, params.resource_id);
    return ok(onePage(resource.action_groups, query, (row) => readGroup(env, resource, row)));
  }),
  inEnvironmentWith('POST', GROUPS, groupCreate, (env, body, { params }) => {
    const resource = resourceOf(env, params.resource_id);
    const { name, description = null, attributes: own = null } = body;
    const actions = actionKeys(resource, body.actions ?? []);
    const part = { key: body.key, name, description, attributes: own, actions };
    return ok(readGroup(env, resource, addPart(env, resource, 'action_groups', part)));
  }),
  inEnvironment('GET', GROUP, (env, { params }) => {
    const resource = resourceOf(env, params.resource_id);
    return ok(readGroup(env, resource, partOf(resource, 'action_groups', params.action_group_id ?? '')));
  }),
  inEnvironmentWith('PATCH', GROUP, groupUpdate, (env, body, { params }) => {
    const resource = resourceOf(env, params.resource_id);
    const before = partOf(resource, 'action_groups', params.action_group_id ?? '');
    const { name, description, attributes: own } = body;
    const actions = body.actions === undefined ? undefined : actionKeys(resource, body.actions ?? []);
    const part = { ...before, ...sent({ name, description, attributes: own, actions }) };
    return ok(readGroup(env, resource, replacePart(env, resource, 'action_groups', part)));
  }),
  inEnvironment('DELETE', GROUP, (env, { params }) => {
    const resource = resourceOf(env, params.resource_id);
    removePart(
      env,
      resource,
      'action_groups',
      partOf(resource, 'action_groups', params.action_group_id ?? ''),
    );
    return noContent;
  }),
];

export const actionRoutes: readonly Route[] = [...actionRoutesOnly, ...groupRoutes];
