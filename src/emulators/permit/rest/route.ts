import type { ZodType } from 'zod';
import type { Environment } from '../model/environment.ts';
import type { Organization } from '../model/organization.ts';
import type { KeyRow } from '../model/organization-rows.ts';
import type { Query } from './query.ts';
import { parseBody } from './validation-error.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
export type Answer = { status: number; body?: unknown };

/** Everything that an operation may look at, besides its body. */
export type Call = {
  organization: Organization;
  key: KeyRow;
  params: Readonly<Record<string, string>>;
  query: Query;
};

/** One operation of the REST API; `path` as in Permit's OpenAPI document. */
export type Route = {
  method: Method;
  path: string;
  /** The decision point's facts proxy waits for it. */
  waits: boolean;
  /** Why it does less than the real one, for the parity table. */
  partly?: string;
  answer(call: Call, rawBody: unknown): Answer;
};

type Details = { waits?: boolean; partly?: string };

/** An operation inside an environment; the router has checked the key's reach. */
export function inEnvironment(
  method: Method,
  path: string,
  answer: (env: Environment, call: Call) => Answer,
  details: Details = {},
): Route {
  return { method, path, waits: false, ...details, answer: (call) => answer(environmentOf(call), call) };
}

/** The same, with a body that the schema has read. */
export function inEnvironmentWith<Body>(
  method: Method,
  path: string,
  schema: ZodType<Body>,
  answer: (env: Environment, body: Body, call: Call) => Answer,
  details: Details = {},
): Route {
  return {
    method,
    path,
    waits: false,
    ...details,
    answer: (call, rawBody) => answer(environmentOf(call), parseBody(schema, rawBody), call),
  };
}

export function environmentOf({ organization, params }: Call): Environment {
  const project = organization.project(params.proj_id ?? '');
  return organization.environment(organization.environmentRow(project, params.env_id ?? ''));
}

export const ok = (body: unknown): Answer => ({ status: 200, body });
export const noContent: Answer = { status: 204 };
export const idsOf = (env: Environment) => ({
  organization_id: env.organizationId,
  project_id: env.projectId,
  environment_id: env.id,
});
