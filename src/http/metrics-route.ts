import { createServer, type Server } from 'node:http';
import type { RequestHandler } from 'express';
import type { Registry } from 'prom-client';
import { applyServerLimits } from './server-limits.ts';

/**
 * Everything the rooms have registered, in Prometheus' text format. The application guards the route; see
 * {@link createMetricsServer} for a port of its own.
 *
 * @see https://prometheus.io/docs/instrumenting/exposition_formats/
 *
 * @example
 * app.get('/metrics', bearerAuth(), requirePermission('view', 'operations'), metricsRoute(registry));
 */
export function metricsRoute(registry: Registry): RequestHandler {
  return async function sendMetrics(_req, res) {
    res.set('Content-Type', registry.contentType).send(await registry.metrics());
  };
}

/** A server that answers `GET /metrics` and nothing else, without a guard: bind it to an inner address. */
export function createMetricsServer(registry: Registry): Server {
  const server = createServer((req, res) => {
    if (req.url !== '/metrics' || req.method !== 'GET') return void res.writeHead(404).end();
    registry.metrics().then(
      (text) => res.writeHead(200, { 'Content-Type': registry.contentType }).end(text),
      () => res.writeHead(500).end(),
    );
  });
  return applyServerLimits(server);
}
