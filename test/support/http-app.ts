import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express, { type Express } from 'express';
import { type Logger, pino } from 'pino';
import { corsPolicy } from '../../src/http/cors-policy.ts';
import { createGracefulClose, type GracefulClose } from '../../src/http/graceful-close.ts';
import { jsonBody } from '../../src/http/json-body.ts';
import { methodGuard } from '../../src/http/method-guard.ts';
import { notFound } from '../../src/http/not-found.ts';
import { problemDetails } from '../../src/http/problem-details.ts';
import { requestId } from '../../src/http/request-id.ts';
import { requestLog } from '../../src/http/request-log.ts';
import { requestShape } from '../../src/http/request-shape.ts';
import { securityHeaders } from '../../src/http/security-headers.ts';
import { createLimitedServer, type ServerLimits } from '../../src/http/server-limits.ts';
import { closeServer, listen } from './auth-app.ts';

export type HttpApp = {
  port: number;
  url: string;
  server: Server;
  graceful: GracefulClose;
  /** Everything that was logged, as parsed JSON lines. */
  logged: Record<string, unknown>[];
  close(): Promise<void>;
};

export type HttpAppOptions = {
  routes?: (app: Express) => void;
  origins?: string[];
  limits?: ServerLimits;
  hsts?: boolean;
  trustProxy?: boolean;
  onClosing?: () => void;
  forceAfterMs?: number;
};

/** The HTTP face in the order in which an application mounts it, on a real server. */
export async function startHttpApp(options: HttpAppOptions = {}): Promise<HttpApp> {
  const logged: Record<string, unknown>[] = [];
  const log: Logger = pino(
    { level: 'trace' },
    { write: (line: string) => void logged.push(JSON.parse(line)) },
  );
  const app = express();
  app.set('trust proxy', options.trustProxy ?? false);
  app.use(
    requestId({ trustIncoming: options.trustProxy ?? false }),
    requestLog({ log }),
    securityHeaders({ hsts: options.hsts ?? false }),
    requestShape(),
    corsPolicy(options.origins ?? []),
    methodGuard(app),
  );
  app.get('/ok', (req, res) => void res.json({ url: req.url, query: req.query }));
  app.post('/echo', jsonBody(), (req, res) => void res.json({ body: req.body }));
  options.routes?.(app);
  app.use(notFound(), problemDetails({ log }));

  const server = createLimitedServer(app, options.limits);
  const graceful = createGracefulClose(server, {
    ...(options.onClosing ? { onClosing: options.onClosing } : {}),
    ...(options.forceAfterMs ? { forceAfterMs: options.forceAfterMs } : {}),
  });
  await listen(server);
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    server,
    graceful,
    logged,
    close: () => closeServer(server),
  };
}
