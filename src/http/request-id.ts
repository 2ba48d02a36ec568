import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { RequestHandler } from 'express';

/** What may stand in a log line and a header without any escaping. */
const SAFE = /^[A-Za-z0-9_-]{8,64}$/;

const requestIds = new WeakMap<IncomingMessage, string>();

/**
 * Names the request in every log line, in `X-Request-Id` of every answer and in `instance` of every problem.
 *
 * The id is ours. One that comes in is taken over only behind a proxy of the operator's own (`trustIncoming`,
 * wired to `TRUST_PROXY`) and only when it is 8-64 plain characters: otherwise any caller could write into
 * the logs of others.
 *
 * @example
 * app.use(requestId());
 */
export function requestId({ trustIncoming = false }: { trustIncoming?: boolean } = {}): RequestHandler {
  return function nameRequest(req, res, next) {
    const incoming = req.headers['x-request-id'];
    const id = trustIncoming && typeof incoming === 'string' && SAFE.test(incoming) ? incoming : randomUUID();
    requestIds.set(req, id);
    res.setHeader('X-Request-Id', id);
    next();
  };
}

/** The id of this request; one is made for a request that never passed {@link requestId}. */
export function requestIdOf(req: IncomingMessage): string {
  const known = requestIds.get(req);
  if (known) return known;
  const made = randomUUID();
  requestIds.set(req, made);
  return made;
}
