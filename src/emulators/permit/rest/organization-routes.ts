import { z } from 'zod';
import { ApiError, notFound, requireAbsent } from '../model/api-error.ts';
import { copyEnvironment } from '../model/copy-environment.ts';
import { fixedId } from '../model/identity.ts';
import { sent } from '../model/input.ts';
import type { Organization } from '../model/organization.ts';
import type { EnvironmentRow, ProjectRow } from '../model/organization-rows.ts';
import { onePage } from './paging.ts';
import { type Answer, type Call, environmentOf, type Method, noContent, ok, type Route } from './route.ts';
import { attributes, key, optional, text } from './schemas.ts';
import { parseBody } from './validation-error.ts';

const jwks = z.strictObject({
  ttl: optional(z.int()),
  url: optional(z.string().regex(/^https:\/\/[a-zA-Z0-9\-.]+\.[a-zA-Z]{2,3}(\/\S*)?$/)),
  jwks: optional(z.strictObject({ keys: z.array(attributes) })),
});
const environmentMembers = {
  description: optional(text),
  custom_branch_name: optional(text),
  jwks: optional(jwks),
  settings: optional(attributes),
};
const environmentCreate = z.strictObject({ key, name: text, ...environmentMembers });
const environmentUpdate = z.strictObject({ name: text.optional(), ...environmentMembers });
const projectMembers = {
  description: optional(text),
  settings: optional(attributes),
  active_policy_repo_id: optional(z.guid()),
};
const projectCreate = z.strictObject({
  key,
  urn_namespace: optional(z.string().regex(/[a-z0-9-]{2,}/)),
  name: text,
  ...projectMembers,
  initial_environments: optional(z.array(environmentCreate)),
});
const projectUpdate = z.strictObject({ name: text.optional(), ...projectMembers });
const filters = optional(
  z.strictObject({ include: optional(z.array(text)), exclude: optional(z.array(text)) }),
);
const environmentCopy = z.strictObject({
  target_env: z.strictObject({ existing: optional(text), new: optional(environmentCreate) }),
  conflict_strategy: optional(z.enum(['fail', 'overwrite'])),
  scope: optional(
    z.strictObject({
      resources: filters,
      roles: filters,
      user_sets: filters,
      resource_sets: filters,
      custom_policies: filters,
    }),
  ),
});

function readProject({ row }: Organization, project: ProjectRow) {
  return { ...project, organization_id: row.id };
}

export function readEnvironment(organization: Organization, row: EnvironmentRow) {
  return {
    key: row.slug,
    id: row.id,
    organization_id: organization.row.id,
    project_id: organization.project(row.project).id,
    created_at: row.created_at,
    updated_at: row.updated_at,
    avp_policy_store_id: null,
    name: row.name,
    description: row.description,
    custom_branch_name: row.custom_branch_name,
    jwks: row.jwks,
    settings: row.settings,
  };
}

function readOrganization({ row }: Organization) {
  return {
    key: row.key,
    id: row.id,
    is_enterprise: false,
    usage_limits: null,
    created_at: row.created_at,
    updated_at: row.created_at,
    name: row.name,
    settings: null,
  };
}

function at(
  method: Method,
  path: string,
  answer: (call: Call, body: unknown) => Answer,
  partly?: string,
): Route {
  return { method, path, waits: false, answer, ...(partly === undefined ? {} : { partly }) };
}

/** Some operations need a key of the whole organization, or of the whole project. */
function requireLevel({ key: { level } }: Call, ...levels: readonly string[]): void {
  if (!levels.includes(level)) throw new ApiError('FORBIDDEN_ACCESS', 'the API key does not reach this far');
}

const projectOf = ({ organization, params }: Call): ProjectRow => organization.project(params.proj_id ?? '');
const environmentRowOf = (call: Call): EnvironmentRow =>
  call.organization.environmentRow(projectOf(call), call.params.env_id ?? '');

/** Required by the document; the emulator sends no mail. */
const emailConfiguration = fixedId('e-mail configuration');

const PROJECTS = '/v2/projects';
const PROJECT = `${PROJECTS}/{proj_id}`;
const ENVIRONMENTS = `${PROJECT}/envs`;
const ENVIRONMENT = `${ENVIRONMENTS}/{env_id}`;

const projectRoutes: readonly Route[] = [
  at('GET', PROJECTS, (call) => {
    const visible = [...call.organization.projects.values()].filter(
      ({ id }) => call.key.project === null || call.key.project === id,
    );
    return ok(onePage(visible, call.query, (project) => readProject(call.organization, project)));
  }),
  at('POST', PROJECTS, (call, rawBody) => {
    requireLevel(call, 'org');
    const { initial_environments, ...body } = parseBody(projectCreate, rawBody);
    const { organization } = call;
    requireAbsent(organization.projects.get(body.key), 'Project', body.key);
    const initial = initial_environments ?? [
      { key: 'dev', name: 'Development' },
      { key: 'production', name: 'Production' },
    ];
    const twice = initial.find((env, i) => initial.findIndex((other) => other.key === env.key) !== i);
    requireAbsent(twice, 'Environment', twice?.key ?? '');
    return ok(readProject(organization, organization.createProject(body, initial)));
  }),
  at('GET', PROJECT, (call) => ok(readProject(call.organization, projectOf(call)))),
  at('PATCH', PROJECT, (call, rawBody) => {
    requireLevel(call, 'org', 'project');
    const changes = sent(parseBody(projectUpdate, rawBody));
    const { organization } = call;
    const project = { ...projectOf(call), ...changes, updated_at: organization.stamp() };
    return ok(readProject(organization, organization.projects.put(project)));
  }),
  at('DELETE', PROJECT, (call) => {
    requireLevel(call, 'org', 'project');
    call.organization.deleteProject(projectOf(call));
    return noContent;
  }),
];

const environmentRoutes: readonly Route[] = [
  at('GET', ENVIRONMENTS, (call) => {
    const project = projectOf(call);
    const rows = [...call.organization.environments.by('project', project.key)].filter(
      ({ id }) => call.key.environment === null || call.key.environment === id,
    );
    const read = (row: EnvironmentRow) => ({
      ...readEnvironment(call.organization, row),
      email_configuration: emailConfiguration,
    });
    return ok(onePage(rows, call.query, read));
  }),
  at('POST', ENVIRONMENTS, (call, rawBody) => {
    requireLevel(call, 'org', 'project');
    const body = parseBody(environmentCreate, rawBody);
    const row = call.organization.createEnvironment(projectOf(call), body);
    return ok(readEnvironment(call.organization, row));
  }),
  at('GET', ENVIRONMENT, (call) =>
    ok({
      ...readEnvironment(call.organization, environmentRowOf(call)),
      email_configuration: emailConfiguration,
    }),
  ),
  at('PATCH', ENVIRONMENT, (call, rawBody) => {
    const changes = sent(parseBody(environmentUpdate, rawBody));
    const { organization } = call;
    const row = { ...environmentRowOf(call), ...changes, updated_at: organization.stamp() };
    return ok(readEnvironment(organization, organization.environments.put(row)));
  }),
  at('DELETE', ENVIRONMENT, (call) => {
    requireLevel(call, 'org', 'project');
    call.organization.deleteEnvironment(environmentRowOf(call));
    return noContent;
  }),
  at(
    'GET',
    `${ENVIRONMENT}/stats`,
    (call) => {
      const { roles, users, rules, resources, tenants } = environmentOf(call);
      const own = [...resources.values()].filter((row) => !row.built_in);
      return ok({
        ...readEnvironment(call.organization, environmentRowOf(call)),
        pdp_configs: [],
        stats: {
          roles: roles.size(),
          users: users.size(),
          policies: rules.size(),
          resources: own.length,
          tenants: tenants.size(),
          has_decision_logs: false,
          members: [],
          mau: 0,
        },
      });
    },
    'members, PDP configurations and monthly users are always empty',
  ),
  at('POST', `${ENVIRONMENT}/copy`, (call, rawBody) => {
    requireLevel(call, 'org', 'project');
    const row = copyEnvironment(
      call.organization,
      projectOf(call),
      environmentRowOf(call),
      parseBody(environmentCopy, rawBody),
    );
    return { status: 201, body: readEnvironment(call.organization, row) };
  }),
];

function requireOwn({ organization: { row }, params }: Call): void {
  if (params.org_id !== row.id && params.org_id !== row.key) notFound('Organization', params.org_id ?? '');
}

export const organizationRoutes: readonly Route[] = [
  at('GET', '/v2/orgs/{org_id}', (call) => {
    requireOwn(call);
    return ok(readOrganization(call.organization));
  }),
  at('GET', '/v2/orgs/active/org', (call) => ok(readOrganization(call.organization))),
  at('GET', '/v2/orgs', (call) =>
    ok(onePage([call.organization], call.query, (organization) => readOrganization(organization))),
  ),
  ...projectRoutes,
  ...environmentRoutes,
];
