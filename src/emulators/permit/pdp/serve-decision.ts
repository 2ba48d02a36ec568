import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ZodType } from 'zod';
import { decide, type EngineDecision } from '../engine/decide.ts';
import { explain } from '../engine/explain.ts';
import type { EngineOptions, EngineQuestion } from '../engine/question.ts';
import type { World } from '../engine/roles.ts';
import { isJson, jsonOf, readBytes, rememberBody, sendJson, sendText } from '../http-exchange.ts';
import { parsedBody, ValidationError } from '../rest/validation-error.ts';
import type { DecisionLog } from './decision-log.ts';

export type PdpContext = {
  world: World;
  log: DecisionLog;
  options: EngineOptions;
  /** Whether answers carry the `debug` block. */
  debug: boolean;
};

/** Makes an answer of a body; a refusal is thrown. */
export type Endpoint = (context: PdpContext, body: unknown) => unknown;
/** Reads the body. The container is a server in front of an older one: each refuses in words of its own. */
export type Reader = (req: IncomingMessage) => Promise<unknown>;

/** Written as it stands: text as text, everything else as JSON. */
export class PdpRefusal extends Error {
  readonly status: number;
  readonly body: unknown;
  constructor(status: number, body: unknown) {
    super(`refused with ${status}`);
    this.name = 'PdpRefusal';
    this.status = status;
    this.body = body;
  }
}

/** Decides and remembers why. */
export function decideAndLog(
  { world, log, options }: PdpContext,
  question: EngineQuestion,
  via: string,
): EngineDecision {
  const decision = decide(world, question, options);
  log.record(via, world, question, decision);
  return decision;
}

/** What `/allowed` answers: `allow` is the decision, `result` its legacy twin. */
export function decisionAnswer(context: PdpContext, question: EngineQuestion, via: string) {
  const decision = decideAndLog(context, question, via);
  return {
    allow: decision.allow,
    ...(context.debug ? { debug: explain(context.world, question, decision) } : {}),
    query: {},
    result: decision.allow,
  };
}

/** Reads the body, asks the endpoint, writes the answer or the refusal. */
export async function serveDecision(
  req: IncomingMessage,
  res: ServerResponse,
  endpoint: Endpoint,
  context: PdpContext,
  read: Reader,
): Promise<void> {
  try {
    const body = await read(req);
    rememberBody(req, body);
    sendJson(res, 200, endpoint(context, body));
  } catch (error) {
    if (error instanceof ValidationError) return sendJson(res, 422, { detail: error.detail });
    if (!(error instanceof PdpRefusal)) throw error;
    if (typeof error.body === 'string') sendText(res, error.status, error.body);
    else sendJson(res, error.status, error.body);
  }
}

/** @throws {PdpRefusal} 415 without a JSON content type, 413, 400 for what is no JSON. */
export const readInFront: Reader = async function readInFront(req) {
  const bytes = await readBytes(req);
  if (!isJson(req)) throw new PdpRefusal(415, 'Expected request with `Content-Type: application/json`');
  if (!bytes) throw new PdpRefusal(413, 'length limit exceeded');
  try {
    return jsonOf(bytes);
  } catch {
    throw new PdpRefusal(400, 'Failed to parse the request body as JSON');
  }
};

/** @throws {ValidationError} for what is no JSON; without a JSON content type, the schema finds no object. */
export const readBehind: Reader = async function readBehind(req) {
  const bytes = await readBytes(req);
  if (!bytes) throw new PdpRefusal(413, 'length limit exceeded');
  if (bytes.length === 0) return undefined;
  return isJson(req) ? parsedBody(bytes) : bytes.toString();
};

/** @throws {PdpRefusal} 422 as text. */
export function parseQuestion<Body>(schema: ZodType<Body>, body: unknown): Body {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const where = issue && issue.path.length > 0 ? `${issue.path.join('.')}: ` : '';
  throw new PdpRefusal(
    422,
    `Failed to deserialize the JSON body into the target type: ${where}${issue?.message ?? 'invalid'}`,
  );
}
