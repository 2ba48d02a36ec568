import { ApiError, found, requireAbsent } from './api-error.ts';
import type { Environment } from './environment.ts';
import { saveResource } from './resources.ts';
import type { ResourceRow } from './rows.ts';

type Lists = 'actions' | 'attributes' | 'relations' | 'action_groups' | 'roles';
type PartOf<List extends Lists> = ResourceRow[List][number];

const NAMES: Readonly<Record<Lists, string>> = {
  actions: 'Action',
  attributes: 'Attribute',
  relations: 'Relation',
  action_groups: 'Action group',
  roles: 'Role',
};

/** One action, attribute, relation, action group or role of a resource, by key or id. */
export function partOf<List extends Lists>(resource: ResourceRow, list: List, keyOrId: string): PartOf<List> {
  const parts: readonly PartOf<List>[] = resource[list];
  const part = parts.find(({ key }) => key === keyOrId) ?? parts.find(({ id }) => id === keyOrId);
  return found(part, `${NAMES[list]} of resource '${resource.key}'`, keyOrId);
}

/** @throws {ApiError} `DUPLICATE_ENTITY` when the resource has one of that key. */
export function addPart<List extends Lists>(
  env: Environment,
  resource: ResourceRow,
  list: List,
  part: Omit<PartOf<List>, 'id' | 'created_at' | 'updated_at'>,
): PartOf<List> {
  const parts: readonly PartOf<List>[] = resource[list];
  requireAbsent(
    parts.find(({ key }) => key === part.key),
    `${NAMES[list]} of resource '${resource.key}'`,
    part.key,
  );
  const now = env.stamp();
  const whole = { ...part, id: env.newId(), created_at: now, updated_at: now } as PartOf<List>;
  saveResource(env, { ...resource, [list]: [...parts, whole], updated_at: now }, resource);
  return whole;
}

export function replacePart<List extends Lists>(
  env: Environment,
  resource: ResourceRow,
  list: List,
  part: PartOf<List>,
): PartOf<List> {
  requireOwn(part);
  const now = env.stamp();
  const whole = { ...part, updated_at: now };
  const parts = (resource[list] as readonly PartOf<List>[]).map((other) =>
    other.key === part.key ? whole : other,
  );
  saveResource(env, { ...resource, [list]: parts, updated_at: now }, resource);
  return whole;
}

/** The part, and what depends on it elsewhere. */
export function removePart<List extends Lists>(
  env: Environment,
  resource: ResourceRow,
  list: List,
  part: PartOf<List>,
): void {
  requireOwn(part);
  const parts = (resource[list] as readonly PartOf<List>[]).filter((other) => other.key !== part.key);
  saveResource(env, { ...resource, [list]: parts, updated_at: env.stamp() }, resource);
}

function requireOwn(part: object): void {
  if ('built_in' in part && part.built_in === true) {
    throw new ApiError('FORBIDDEN_ACCESS', 'a built-in attribute cannot be changed');
  }
}
