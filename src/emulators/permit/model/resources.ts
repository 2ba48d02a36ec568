import type { Attributes } from '../engine/attributes.ts';
import { ApiError, found, requireAbsent } from './api-error.ts';
import { dropInstance } from './cascades.ts';
import type { Environment } from './environment.ts';
import { sent } from './input.ts';
import { publishResource } from './publish.ts';
import { reconcileResource } from './resource-cascades.ts';
import { planRole, type RoleChanges } from './roles.ts';
import type { ActionRow, AttributeRow, AttributeType, RelationRow, ResourceRow, RoleRow } from './rows.ts';

export type ActionBlock = {
  name?: string | null | undefined;
  description?: string | null | undefined;
  attributes?: Attributes | null | undefined;
};
export type AttributeBlock = { type: AttributeType; description?: string | null | undefined };

export type ResourceChanges = {
  name?: string | undefined;
  urn?: string | null | undefined;
  description?: string | null | undefined;
  actions?: Readonly<Record<string, ActionBlock>> | null | undefined;
  type_attributes?: Attributes | null | undefined;
  attributes?: Readonly<Record<string, AttributeBlock>> | null | undefined;
  roles?: Readonly<Record<string, RoleChanges & { name: string }>> | null | undefined;
  /** Relation → subject resource. */
  relations?: Readonly<Record<string, string>> | null | undefined;
};
export type ResourceInput = ResourceChanges & { key: string; name: string };

function requireOwn(row: ResourceRow): void {
  if (row.built_in) throw new ApiError('FORBIDDEN_ACCESS', `resource '${row.key}' is built in`);
}

export function createResource(env: Environment, input: ResourceInput): ResourceRow {
  requireAbsent(env.resources.get(input.key), 'Resource', input.key);
  return saveResource(env, planResource(env, blankResource(env, input.key), input));
}

/** Creates it, or replaces it: blocks that are left out are emptied. */
export function replaceResource(
  env: Environment,
  keyOrId: string,
  input: Omit<ResourceInput, 'key'>,
): ResourceRow {
  const before = env.resources.find(keyOrId);
  if (before) requireOwn(before);
  const base = before ?? blankResource(env, keyOrId);
  const whole = {
    urn: null,
    description: null,
    type_attributes: null,
    attributes: {},
    roles: {},
    relations: {},
    ...sent(input),
  };
  return saveResource(env, planResource(env, base, whole), before);
}

/** A block that is sent replaces that block. */
export function updateResource(env: Environment, keyOrId: string, changes: ResourceChanges): ResourceRow {
  const before = found(env.resources.find(keyOrId), 'Resource', keyOrId);
  requireOwn(before);
  return saveResource(env, planResource(env, before, changes), before);
}

/** The resource, its instances with tuples and roles, and every permission and relation that names it. */
export function deleteResource(env: Environment, keyOrId: string): void {
  const before = found(env.resources.find(keyOrId), 'Resource', keyOrId);
  requireOwn(before);
  env.batch(() => {
    for (const instance of [...env.instances.by('resource', before.key)]) dropInstance(env, instance);
    env.resources.delete(before.key);
    reconcileResource(env, before, undefined);
    env.replica.publish(({ schema }) => schema.deleteResource(before.key));
  });
}

/** Stores the resource and withdraws what its former shape had given elsewhere. */
export function saveResource(
  env: Environment,
  row: ResourceRow,
  before?: ResourceRow | undefined,
): ResourceRow {
  const actions = new Set(row.actions.map((action) => action.key));
  const action_groups = row.action_groups.map((group) => ({
    ...group,
    actions: group.actions.filter((key) => actions.has(key)),
  }));
  return env.batch(() => {
    env.resources.put({ ...row, action_groups });
    if (before) reconcileResource(env, before, row);
    const stored = env.resources.get(row.key) ?? row;
    publishResource(env, stored);
    return stored;
  });
}

export function blankResource(env: Environment, key: string): ResourceRow {
  const now = env.stamp();
  return {
    id: env.newId(),
    key,
    name: key,
    urn: null,
    description: null,
    type_attributes: null,
    built_in: false,
    actions: [],
    attributes: [],
    relations: [],
    action_groups: [],
    roles: [],
    created_at: now,
    updated_at: now,
  };
}

/** @throws {ApiError} for relations, permissions or derivations that lead nowhere. */
function planResource(env: Environment, base: ResourceRow, input: ResourceChanges): ResourceRow {
  const { actions, attributes, roles, relations } = input;
  const { name, urn, description, type_attributes } = input;
  const row: ResourceRow = {
    ...base,
    ...sent({ name, urn, description, type_attributes }),
    ...(actions === undefined ? {} : { actions: planActions(env, base.actions, actions ?? {}) }),
    ...(attributes === undefined
      ? {}
      : { attributes: planAttributes(env, base.attributes, attributes ?? {}) }),
    ...(relations === undefined ? {} : { relations: planRelations(env, base, relations ?? {}) }),
    updated_at: env.stamp(),
  };
  return roles === undefined ? row : { ...row, roles: planRoles(env, row, base.roles, roles ?? {}) };
}

function planActions(
  env: Environment,
  before: readonly ActionRow[],
  blocks: Readonly<Record<string, ActionBlock>>,
): ActionRow[] {
  return Object.entries(blocks).map(([key, block]) => {
    const now = env.stamp();
    const known = before.find((row) => row.key === key);
    return {
      id: known?.id ?? env.newId(),
      key,
      name: block.name ?? key,
      description: block.description ?? null,
      attributes: block.attributes ?? null,
      created_at: known?.created_at ?? now,
      updated_at: now,
    };
  });
}

function planAttributes(
  env: Environment,
  before: readonly AttributeRow[],
  blocks: Readonly<Record<string, AttributeBlock>>,
): AttributeRow[] {
  const builtIn = before.filter((row) => row.built_in);
  const own = Object.entries(blocks).map(([key, block]) => {
    const now = env.stamp();
    const known = before.find((row) => row.key === key);
    return {
      id: known?.id ?? env.newId(),
      key,
      type: block.type,
      description: block.description ?? null,
      built_in: false,
      created_at: known?.created_at ?? now,
      updated_at: now,
    };
  });
  return [...builtIn, ...own.filter((row) => !builtIn.some((other) => other.key === row.key))];
}

function planRelations(
  env: Environment,
  base: ResourceRow,
  blocks: Readonly<Record<string, string>>,
): RelationRow[] {
  return Object.entries(blocks).map(([key, subject]) => {
    const now = env.stamp();
    const known = base.relations.find((row) => row.key === key);
    // A resource may relate to itself before it exists: a folder in a folder.
    const resource = subject === base.key ? base : found(env.resources.find(subject), 'Resource', subject);
    return {
      id: known?.id ?? env.newId(),
      key,
      name: known?.name ?? key,
      description: known?.description ?? null,
      subject_resource: resource.key,
      created_at: known?.created_at ?? now,
      updated_at: now,
    };
  });
}

function planRoles(
  env: Environment,
  row: ResourceRow,
  before: readonly RoleRow[],
  blocks: Readonly<Record<string, RoleChanges & { name: string }>>,
): RoleRow[] {
  // Siblings may extend and derive from one another in any order: first all of them bare, then whole.
  const bare = Object.entries(blocks).map(([key, { name }]) => {
    const known = before.find((role) => role.key === key);
    return planRole(env, { roles: [], resource: row }, { key, name }, known && { ...known, extends: [] });
  });
  const planned = [...bare];
  for (const [i, [key, block]] of Object.entries(blocks).entries()) {
    const empty = { description: null, permissions: [], attributes: null, extends: [], granted_to: null };
    const input = { ...empty, ...sent(block), key };
    planned[i] = planRole(env, { roles: planned, resource: row }, input, bare[i]);
  }
  return planned;
}
