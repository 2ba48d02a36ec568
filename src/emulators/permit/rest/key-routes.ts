import { z } from 'zod';
import { ApiError, found } from '../model/api-error.ts';
import type { Organization } from '../model/organization.ts';
import type { EnvironmentRow, KeyRow } from '../model/organization-rows.ts';
import { readEnvironment } from './organization-routes.ts';
import { paginated } from './paging.ts';
import { type Call, noContent, ok, type Route } from './route.ts';
import { optional, text } from './schemas.ts';
import { missing, parseBody, ValidationError } from './validation-error.ts';

const levels = z.enum(['org', 'project', 'env']);
const keyCreate = z.strictObject({
  organization_id: z.guid().or(z.hex().length(32)),
  project_id: optional(text),
  environment_id: optional(text),
  object_type: optional(levels),
  access_level: optional(z.enum(['admin', 'write', 'read', 'no_access'])),
  owner_type: optional(z.enum(['pdp_config', 'member', 'elements'])),
  name: optional(text),
});

/** `secret` is shown where the real API shows it: on creation, rotation, and for an environment's own key. */
function readKey(organization: Organization, row: KeyRow, withSecret: boolean) {
  const environment = row.environment === null ? undefined : organization.environments.find(row.environment);
  return {
    organization_id: organization.row.id,
    project_id: row.project,
    environment_id: row.environment,
    object_type: row.level,
    access_level: row.access,
    owner_type: ownerOf(row),
    name: row.name,
    id: row.id,
    secret: withSecret ? row.key : null,
    created_at: row.created_at,
    created_by_member: null,
    last_used_at: null,
    env: environment ? readEnvironment(organization, environment) : null,
    project: null,
  };
}

const ownerOf = (row: KeyRow) => row.owner ?? (row.level === 'env' ? 'pdp_config' : 'member');

/** The key that an environment was made with; others, which may do less, only when that one is gone. */
function ownKeyOf(organization: Organization, environment: EnvironmentRow): KeyRow | undefined {
  const rows = [...organization.keys.values()].filter((row) => row.environment === environment.id);
  return rows.find((row) => ownerOf(row) === 'pdp_config' && row.access === 'admin') ?? rows[0];
}

/** What the new key is for. @throws {ValidationError} when its level lacks an id: it would reach further than asked. */
function targetOf(organization: Organization, body: z.infer<typeof keyCreate>) {
  const level = body.object_type ?? 'env';
  const needed = { org: [], project: ['project_id'], env: ['project_id', 'environment_id'] } as const;
  const lacking = needed[level].filter((id) => !body[id]);
  if (lacking.length > 0) throw new ValidationError(lacking.map((id) => missing(['body', id])));
  const project = level === 'org' ? undefined : organization.project(body.project_id ?? '');
  const environment =
    project && level === 'env' ? organization.environmentRow(project, body.environment_id ?? '') : undefined;
  return { level, project, environment };
}

/** Keys that the caller's own key reaches. */
function* reachable({ organization, key }: Call): Generator<KeyRow> {
  for (const row of organization.keys.values()) {
    const inside =
      (key.project === null || key.project === row.project) &&
      (key.environment === null || key.environment === row.environment);
    if (inside) yield row;
  }
}

function keyOf(call: Call): KeyRow {
  const id = call.params.api_key_id ?? '';
  return found(
    [...reachable(call)].find((row) => row.id === id),
    'API key',
    id,
  );
}

const KEYS = '/v2/api-key';
const KEY = `${KEYS}/{api_key_id}`;

export const keyRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: `${KEYS}/scope`,
    waits: false,
    answer: ({ key, organization }) =>
      ok({
        organization_id: organization.row.id,
        project_id: key.project,
        environment_id: key.environment,
      }),
  },
  {
    method: 'GET',
    path: `${KEYS}/{proj_id}/{env_id}`,
    waits: false,
    answer: ({ organization, params }) => {
      const project = organization.project(params.proj_id ?? '');
      const environment = organization.environmentRow(project, params.env_id ?? '');
      const row = found(ownKeyOf(organization, environment), 'API key', environment.slug);
      return ok(readKey(organization, row, true));
    },
  },
  {
    method: 'GET',
    path: KEYS,
    waits: false,
    answer: (call) => {
      const level = call.query.oneOf('object_type', levels.options);
      const project = call.query.text('proj_id');
      const rows = [...reachable(call)].filter(
        (row) =>
          (level === undefined || row.level === level) &&
          (project === undefined || row.project === call.organization.project(project).id),
      );
      return ok(paginated(rows, call.query.page(), (row) => readKey(call.organization, row, false)));
    },
  },
  {
    method: 'POST',
    path: KEYS,
    waits: false,
    answer: (call, rawBody) => {
      const { organization, key } = call;
      const body = parseBody(keyCreate, rawBody);
      if (body.organization_id.replaceAll('-', '') !== organization.row.id) {
        throw new ApiError('FORBIDDEN_ACCESS', 'the API key does not reach that organization');
      }
      const { level, project, environment } = targetOf(organization, body);
      const within =
        (key.project === null || key.project === project?.id) &&
        (key.environment === null || key.environment === environment?.id);
      if (!within) throw new ApiError('FORBIDDEN_ACCESS', 'the API key does not reach this far');
      const row = organization.createKey(level, {
        name: body.name ?? null,
        access: body.access_level ?? 'admin',
        owner: body.owner_type ?? 'member',
        ...(project ? { project: project.id } : {}),
        ...(environment ? { environment: environment.id } : {}),
      });
      return ok(readKey(organization, row, true));
    },
  },
  {
    method: 'GET',
    path: KEY,
    waits: false,
    answer: (call) => ok(readKey(call.organization, keyOf(call), false)),
  },
  {
    method: 'DELETE',
    path: KEY,
    waits: false,
    answer: (call) => {
      call.organization.keys.delete(keyOf(call).key);
      return noContent;
    },
  },
  {
    method: 'POST',
    path: `${KEY}/rotate-secret`,
    waits: false,
    answer: (call) => ok(readKey(call.organization, call.organization.rotateKey(keyOf(call)), true)),
  },
];
