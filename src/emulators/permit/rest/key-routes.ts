import { z } from 'zod';
import { ApiError, found } from '../model/api-error.ts';
import type { Organization } from '../model/organization.ts';
import type { KeyRow } from '../model/organization-rows.ts';
import { readEnvironment } from './organization-routes.ts';
import { paginated } from './paging.ts';
import { type Call, noContent, ok, type Route } from './route.ts';
import { optional, text } from './schemas.ts';
import { parseBody } from './validation-error.ts';

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
    owner_type: row.level === 'env' ? 'pdp_config' : 'member',
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
      const row = [...organization.keys.values()].find((key) => key.environment === environment.id);
      return ok(readKey(organization, found(row, 'API key', environment.slug), true));
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
      const project = body.project_id ? organization.project(body.project_id) : undefined;
      const environment =
        project && body.environment_id
          ? organization.environmentRow(project, body.environment_id)
          : undefined;
      const within =
        (key.project === null || key.project === project?.id) &&
        (key.environment === null || key.environment === environment?.id);
      if (!within) throw new ApiError('FORBIDDEN_ACCESS', 'the API key does not reach this far');
      const level = environment ? 'env' : project ? 'project' : 'org';
      const row = organization.createKey(level, {
        name: body.name ?? null,
        access: body.access_level ?? 'admin',
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
