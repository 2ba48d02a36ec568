import type { IncomingMessage, ServerResponse } from 'node:http';
import { bearerOf, isJson, readBytes, rememberBody, sendJson, sendNothing } from '../http-exchange.ts';
import { ApiError } from '../model/api-error.ts';
import type { Organization } from '../model/organization.ts';
import type { KeyRow } from '../model/organization-rows.ts';
import { FactsWaitError, requireFactsWait, type WaitPolicy, waitPolicyOf } from './facts-wait.ts';
import { createQuery } from './query.ts';
import { type Answer, type Call, environmentOf, type Route } from './route.ts';
import type { Router } from './router.ts';
import { parsedBody, ValidationError } from './validation-error.ts';

export type RestOptions = {
  router: Router;
  organization: () => Organization;
  newErrorId: () => string;
  report: (error: unknown) => void;
  observe: Observer | undefined;
};

/** One call and its answer, under the operation's own path: for whoever checks them against a document. */
export type Exchange = {
  method: string;
  operation: string;
  query: URLSearchParams;
  /** `undefined` when none came, or none was read because the call was refused before. */
  body: unknown;
  answer: Answer;
};
export type Observer = (exchange: Exchange) => void;

/** Where the call came in: at the API, or through the decision point's facts proxy. */
export type Entrance = 'api' | 'proxy';

/**
 * Answers one call of the REST API.
 *
 * @returns `false` when there is no such operation, with nothing written.
 */
export async function serveRest(
  req: IncomingMessage,
  res: ServerResponse,
  options: RestOptions,
  url: { path: string; search: string; entrance: Entrance },
): Promise<boolean> {
  const match = options.router.match(req.method ?? 'GET', url.path);
  if (match.kind === 'none') return false;
  if (match.kind === 'method') {
    sendJson(res, 405, { detail: 'Method Not Allowed' }, { allow: match.allow.join(', ') });
    return true;
  }
  const { route, params } = match;
  const query = parametersOf(url, route);
  const seen: { body?: unknown } = {};
  const answer = await (async () => {
    const organization = options.organization();
    const key = organization.authenticate(bearerOf(req));
    const call: Call = { organization, key, params, query: createQuery(query) };
    requireReach(call, key);
    requireAccess(route, key);
    const wait = route.waits ? waitPolicyOf(req, url.entrance) : undefined;
    seen.body = await bodyOf(req);
    const made = route.answer(call, seen.body);
    if (wait) await settled(call, wait);
    return made;
  })().catch((error: unknown) => refusalOf(error, options));

  // Before it is sent: whoever has read an answer finds it observed.
  options.observe?.({ method: route.method, operation: route.path, query, body: seen.body, answer });
  if (answer.body === undefined) sendNothing(res, answer.status);
  else sendJson(res, answer.status, answer.body);
  return true;
}

/** Through the proxy, an unassignment always answers with what it removed. */
function parametersOf(url: { search: string; entrance: Entrance }, route: Route): URLSearchParams {
  const parameters = new URLSearchParams(url.search);
  if (url.entrance === 'proxy' && route.method === 'DELETE' && route.waits) {
    parameters.set('return_deleted', 'true');
  }
  return parameters;
}

/** A key reaches its own environment, its project's environments, or all of them. */
function requireReach({ organization, params }: Call, key: KeyRow): void {
  if (params.proj_id === undefined) return;
  const project = organization.project(params.proj_id);
  const environment =
    params.env_id === undefined ? undefined : organization.environmentRow(project, params.env_id);
  const reaches =
    (key.project === null || key.project === project.id) &&
    (key.environment === null || key.environment === environment?.id);
  if (!reaches) throw new ApiError('FORBIDDEN_ACCESS', 'the API key does not reach this far');
}

/** Everybody may ask what a key reaches. */
function requireAccess({ method, path }: Route, { access }: KeyRow): void {
  if (path === '/v2/api-key/scope') return;
  const allowed = method === 'GET' ? access !== 'no_access' : access === 'admin' || access === 'write';
  if (!allowed) throw new ApiError('FORBIDDEN_ACCESS', 'the API key may not do this');
}

async function bodyOf(req: IncomingMessage): Promise<unknown> {
  const bytes = await readBytes(req);
  if (!bytes)
    throw new ValidationError([{ loc: ['body'], msg: 'the body is too large', type: 'value_error' }]);
  if (bytes.length === 0) return undefined;
  const body = isJson(req) ? parsedBody(bytes) : bytes.toString();
  rememberBody(req, body);
  return body;
}

async function settled(call: Call, wait: WaitPolicy): Promise<void> {
  const inTime = await environmentOf(call).replica.caughtUp(wait.timeoutMs);
  requireFactsWait(inTime, wait);
}

function refusalOf(error: unknown, { newErrorId, report }: RestOptions): Answer {
  if (error instanceof ValidationError) return { status: 422, body: { detail: error.detail } };
  if (error instanceof FactsWaitError) return { status: error.status, body: { detail: error.message } };
  const refusal =
    error instanceof ApiError ? error : new ApiError('UNEXPECTED_ERROR', 'see the log of the emulator');
  if (refusal !== error) report(error);
  const { status, title, code: error_code, message } = refusal;
  return { status, body: { id: newErrorId(), title, error_code, message } };
}
