import { randomUUID } from 'node:crypto';
import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { InvalidInput, ProblemError } from '../errors.ts';
import { PROBLEM_TYPE, problemDocumentOf } from './problem-document.ts';

const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 30_000;
const KEEP_ALIVE_TIMEOUT_MS = 10_000;
const SOCKET_IDLE_MS = 40_000;
const CHECK_EVERY_MS = 1_000;

export type ServerLimits = {
  headersTimeoutMs?: number;
  requestTimeoutMs?: number;
  keepAliveTimeoutMs?: number;
  /** A socket on which nothing moves, the slow reader's included. Longer than any handler may take. */
  socketIdleMs?: number;
};

/**
 * An HTTP server that slow and malformed clients cannot hold: whole header within 10 s, whole request within
 * 30 s, both looked at every second (Node's default: every thirty), 16 KB of headers, and bare refusals of the
 * parser, and addresses that cannot be read, answered as problem documents.
 *
 * @example
 * const server = createLimitedServer(app).listen(port, host);
 */
export function createLimitedServer(listener: RequestListener, limits: ServerLimits = {}): Server {
  const server = createServer(
    {
      connectionsCheckingInterval: CHECK_EVERY_MS,
      maxHeaderSize: 16_384,
      insecureHTTPParser: false,
      requireHostHeader: true,
      noDelay: true,
    },
    refusingUnreadable(listener),
  );
  return applyServerLimits(server, limits);
}

/**
 * The limits that a server can still be given after it was made. Prefer {@link createLimitedServer}: how often
 * the time limits are looked at is fixed when the server is created.
 */
export function applyServerLimits(server: Server, limits: ServerLimits = {}): Server {
  server.headersTimeout = limits.headersTimeoutMs ?? HEADERS_TIMEOUT_MS;
  server.requestTimeout = limits.requestTimeoutMs ?? REQUEST_TIMEOUT_MS;
  server.keepAliveTimeout = limits.keepAliveTimeoutMs ?? KEEP_ALIVE_TIMEOUT_MS;
  server.timeout = limits.socketIdleMs ?? SOCKET_IDLE_MS;
  // Zero is "no limit": Node would drop the headers above it silently. `requestShape` refuses them instead.
  server.maxHeadersCount = 0;
  const answers = new WeakMap<Socket, ServerResponse>();
  server.prependListener('request', (req, res) => answers.set(req.socket, res));
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    const underWay = answers.get(socket);
    // A second answer in the middle of one that is going out would be read as part of it.
    if (underWay?.headersSent && !underWay.writableFinished) socket.destroy();
    else answerClientError(error, socket);
  });
  server.on('checkExpectation', (_req, res) =>
    answer(res, new ProblemError(417, 'expectation_failed', 'Expectation failed', 'not 100-continue')),
  );
  return server;
}

/** Express never reaches a middleware when it cannot read where a request goes: it answers by itself, in HTML. */
function refusingUnreadable(listener: RequestListener): RequestListener {
  return function refuseUnreadable(req, res) {
    const target = req.url as string;
    if (isReadable(target)) return listener(req, res);
    answer(res, clientProblemOf(undefined));
  };
}

function answer(res: ServerResponse, error: ProblemError): void {
  const problem = problemDocumentOf(error, randomUUID());
  res.writeHead(problem.status, { ...headersOf(problem.instance), Connection: 'close' });
  res.end(JSON.stringify(problem));
}

/** RFC 9112 §3.2: a path, an absolute address, or a star; in visible ASCII, and never with a fragment. */
const isReadable = (target: string) =>
  /^[\x21\x22\x24-\x7e]+$/.test(target) && (target.startsWith('/') || target === '*' || URL.canParse(target));

const headersOf = (requestId: string) => ({
  'Content-Type': PROBLEM_TYPE,
  'X-Request-Id': requestId,
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
  'Content-Security-Policy': "default-src 'none';frame-ancestors 'none'",
});

/** RFC 9112 §2.2: what cannot be parsed is answered with 400 and the connection closed. */
function answerClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const problem = problemDocumentOf(clientProblemOf(error.code), randomUUID());
  const body = JSON.stringify(problem);
  const head = [
    `HTTP/1.1 ${problem.status} ${problem.title}`,
    'Connection: close',
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...Object.entries(headersOf(problem.instance)).map(([name, value]) => `${name}: ${value}`),
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
}

function clientProblemOf(code: string | undefined): ProblemError {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return new ProblemError(431, 'headers_too_large', 'Request Header Fields Too Large', 'header overflow');
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new ProblemError(408, 'request_timeout', 'Request Timeout', 'slow request');
    default:
      return new InvalidInput([{ path: 'request', message: 'is not HTTP' }]);
  }
}
