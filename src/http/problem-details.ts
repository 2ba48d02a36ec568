import type { ErrorRequestHandler, Request, Response } from 'express';
import type { Logger } from 'pino';
import { principalOf } from '../auth/principal.ts';
import { ProblemError, UpstreamUnavailable } from '../errors.ts';
import { foreseenErrorOf } from './foreseen-error.ts';
import { hasBody } from './json-body.ts';
import { PROBLEM_TYPE, problemDocumentOf } from './problem-document.ts';
import { requestIdOf } from './request-id.ts';

/** What a handler may have said about the answer that it could not give. */
const HEADERS_OF_THE_ANSWER = [
  'Content-Disposition',
  'Content-Encoding',
  'Content-Language',
  'Content-Length',
  'Content-Range',
  'ETag',
  'Last-Modified',
];

/**
 * The one place that answers errors: RFC 9457 problem documents, and for everything unforeseen a 500 that says
 * nothing. Causes go to the log with the request id; tokens, cookies and bodies do not.
 *
 * Mount it last.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9457
 *
 * @example
 * app.use(notFound());
 * app.use(problemDetails({ log }));
 */
export function problemDetails({ log }: { log: Logger }): ErrorRequestHandler {
  return function answerProblem(thrown: unknown, req, res, _next) {
    const error = foreseenErrorOf(thrown);
    writeLog(log, error, req);
    // Half an answer is out: the only honest end is a broken connection.
    if (res.headersSent) return void res.destroy();
    const problem = problemDocumentOf(error, requestIdOf(req));
    prepare(res, req);
    if (error instanceof ProblemError) res.set(error.headers);
    const body = JSON.stringify(problem);
    // Said here, since Node sends in chunks once a length has been taken back.
    res
      .status(problem.status)
      .set('Content-Type', PROBLEM_TYPE)
      .set('Content-Length', String(Buffer.byteLength(body)));
    res.end(req.method === 'HEAD' ? undefined : body);
  };
}

function prepare(res: Response, req: Request): void {
  for (const name of HEADERS_OF_THE_ANSWER) res.removeHeader(name);
  res.set('X-Request-Id', requestIdOf(req));
  res.set('Cache-Control', 'no-store');
  // A body that nobody will read: without this the rest of a refused upload would still be swallowed.
  if (!req.complete && hasBody(req)) res.set('Connection', 'close');
}

function writeLog(log: Logger, error: unknown, req: Request): void {
  const principal = principalOf(req);
  const facts = {
    requestId: requestIdOf(req),
    method: req.method,
    ...(principal ? { principal: principal.key, tenant: principal.tenant } : {}),
    ...(principal?.actor ? { actor: principal.actor } : {}),
  };
  if (!(error instanceof ProblemError)) {
    log.error({ ...facts, cause: causesOf(error), stack: stackOf(error) }, 'unforeseen error');
    return;
  }
  const { status, code, message } = error;
  const known = { ...facts, status, code, cause: causesOf(error.cause) };
  if (error instanceof UpstreamUnavailable) {
    log.warn({ ...known, upstream: error.upstream, logCode: error.logCode }, message);
  } else {
    log.info(known, message);
  }
}

function stackOf(error: unknown): string | undefined {
  return error instanceof Error ? error.stack : undefined;
}

/**
 * Names and messages down the chain. Whole errors of vendors carry requests, tokens and claims along, and what
 * JSON.parse says quotes the text.
 */
function causesOf(error: unknown): string[] {
  const causes: string[] = [];
  for (let at = error; at instanceof Error && causes.length < 5; at = at.cause) {
    causes.push(at.name === 'SyntaxError' ? at.name : `${at.name}: ${at.message}`);
  }
  return causes;
}
