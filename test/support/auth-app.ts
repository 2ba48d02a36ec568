import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express, { type RequestHandler } from 'express';
import pino, { type Logger } from 'pino';
import { createBearerAuth } from '../../src/auth/bearer-auth.ts';
import type { Verifier } from '../../src/auth/verifier.ts';
import { jsonBody } from '../../src/http/json-body.ts';
import { methodGuard } from '../../src/http/method-guard.ts';
import { notFound } from '../../src/http/not-found.ts';
import { problemDetails } from '../../src/http/problem-details.ts';
import { requestId } from '../../src/http/request-id.ts';
import { securityHeaders } from '../../src/http/security-headers.ts';
import { createLimitedServer } from '../../src/http/server-limits.ts';

export const silentLog: Logger = pino({ level: 'silent' });

export type ProbeApp = {
  port: number;
  url: string;
  /** How often the protected handler ran for this probe: what "accepted" means. */
  runs(probe: string): number;
  close(): Promise<void>;
};

/** A real server with one protected route, `/probe/<name>`, that counts how often its handler runs. */
export async function startProbeApp(
  verifier: Verifier,
  {
    guards = [createBearerAuth(verifier)()],
    log = silentLog,
  }: { guards?: RequestHandler[]; log?: Logger } = {},
): Promise<ProbeApp> {
  const runs = new Map<string, number>();
  const app = express();
  app.disable('x-powered-by');
  app.use(requestId(), securityHeaders(), methodGuard(app));
  app.all('/probe/:name', ...guards, jsonBody(), function probe(req, res) {
    const { name } = req.params as { name: string };
    runs.set(name, (runs.get(name) ?? 0) + 1);
    res.json({ ran: true });
  });
  app.use(notFound(), problemDetails({ log }));
  const server = createLimitedServer(app);
  await listen(server);
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    runs: (name) => runs.get(name) ?? 0,
    close: () => closeServer(server),
  };
}

export function listen(server: Server): Promise<void> {
  return new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
}

export async function closeServer(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeAllConnections();
  await closed;
}

/** A clock that moves only when a test moves it. */
export function manualClock(startSeconds = 1_900_000_000) {
  let nowMs = startSeconds * 1_000;
  return {
    now: () => nowMs,
    nowSeconds: () => Math.floor(nowMs / 1_000),
    advance(ms: number) {
      nowMs += ms;
    },
  };
}
