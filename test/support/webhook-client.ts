import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import express from 'express';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { problemDetails } from '../../src/http/problem-details.ts';
import { createWebhookRouter, type WebhookRouterOptions } from '../../src/webhook/webhook-router.ts';

export const signingKey = 'E1skjDXnMZLq80VRed3HzOtp3VFmoe2w';
export const sign = (body: Buffer | string, key = signingKey, algorithm = 'sha256') =>
  createHmac(algorithm, key).update(body).digest('hex');

/** The receiver on a port of its own, with our own error answers. */
export async function startReceiver(
  options: Partial<WebhookRouterOptions> & Pick<WebhookRouterOptions, 'inbox' | 'clock'>,
) {
  const log = pino({ level: 'silent' });
  const metrics = new Registry();
  const app = express();
  app.use(
    '/api/webhooks/logto',
    createWebhookRouter({ signingKeys: [signingKey], maxAgeSeconds: 300, log, metrics, ...options }),
  );
  app.use(problemDetails({ log }));
  const server: Server = createServer(app);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    port,
    metrics,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

export type Answer = { status: number; headers: Record<string, string>; body: string };
export type RawRequest = {
  method?: string;
  path?: string;
  /** As they go over the wire; names may repeat. Host and length are added unless given. */
  headers?: [string, string | Buffer][];
  body?: Buffer | string;
  /** Sends the body piece by piece and ends with half the connection closed when `cut`. */
  chunked?: boolean;
  cut?: boolean;
  /** Milliseconds between single bytes. */
  trickleMs?: number;
};

/** One request over a bare socket, header bytes verbatim. Rejects when the server says nothing at all. */
export async function sendRaw(port: number, request: RawRequest): Promise<Answer> {
  const { method = 'POST', path = '/api/webhooks/logto', headers = [], chunked = false } = request;
  const body = Buffer.from(request.body ?? '');
  const named = new Set(headers.map(([name]) => name.toLowerCase()));
  const all: [string, string | Buffer][] = [['Host', `127.0.0.1:${port}`], ...headers];
  if (!named.has('connection')) all.push(['Connection', 'close']);
  if (chunked) all.push(['Transfer-Encoding', 'chunked']);
  else if (!named.has('content-length')) all.push(['Content-Length', String(body.length)]);
  const head = Buffer.concat([
    Buffer.from(`${method} ${path} HTTP/1.1\r\n`),
    ...all.flatMap(([name, value]) => [Buffer.from(`${name}: `), Buffer.from(value), Buffer.from('\r\n')]),
    Buffer.from('\r\n'),
  ]);

  const socket = connect(port, '127.0.0.1');
  const received: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => received.push(chunk));
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.write(head);
  const closed = once(socket, 'close');
  if (request.trickleMs) {
    let at = 0;
    const timer = setInterval(() => {
      if (socket.writable && at < body.length) socket.write(body.subarray(at, ++at));
    }, request.trickleMs);
    await closed;
    clearInterval(timer);
  } else {
    if (chunked) {
      for (let at = 0; at < body.length; at += 100) {
        const piece = body.subarray(at, at + 100);
        socket.write(`${piece.length.toString(16)}\r\n`);
        socket.write(piece);
        socket.write('\r\n');
      }
      socket.write('0\r\n\r\n');
    } else {
      socket.write(body);
    }
    if (request.cut) socket.destroy();
    await closed;
  }
  return answerOf(Buffer.concat(received));
}

function answerOf(bytes: Buffer): Answer {
  const text = bytes.toString('utf8');
  const [head = '', ...rest] = text.split('\r\n\r\n');
  const [first = '', ...lines] = head.split('\r\n');
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  const body = rest.join('\r\n\r\n');
  const chunked = headers['transfer-encoding'] === 'chunked';
  return { status: Number(first.split(' ')[1] ?? 0), headers, body: chunked ? unchunked(body) : body };
}

/** Our answers are ASCII, so that sizes in bytes are sizes in characters. */
function unchunked(text: string): string {
  let body = '';
  for (let at = 0; ; ) {
    const line = text.indexOf('\r\n', at);
    const size = Number.parseInt(text.slice(at, line), 16);
    if (line < 0 || !size) return body;
    body += text.slice(line + 2, line + 2 + size);
    at = line + 2 + size + 2;
  }
}

/** A delivery as Logto sends it; everything can be replaced. */
export function deliver(
  port: number,
  body: Buffer | string,
  given: RawRequest & { signature?: string | null } = {},
) {
  const { signature = sign(body), headers = [], ...rest } = given;
  const own: [string, string][] = [
    ['Content-Type', 'application/json'],
    ['User-Agent', 'Logto (https://logto.io/)'],
  ];
  if (signature !== null) own.push(['logto-signature-sha-256', signature]);
  const replaced = new Set(headers.map(([name]) => name.toLowerCase()));
  return sendRaw(port, {
    body,
    ...rest,
    headers: [...own.filter(([name]) => !replaced.has(name.toLowerCase())), ...headers],
  });
}
