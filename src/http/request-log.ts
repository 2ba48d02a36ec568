import type { Request, RequestHandler } from 'express';
import type { Logger } from 'pino';
import { Histogram, type Registry } from 'prom-client';
import { principalOf } from '../auth/principal.ts';
import { requestIdOf } from './request-id.ts';

/** As a label each is a row of its own for as long as the process lives. */
const MOST_ROUTES = 500;
const BUCKETS_SECONDS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

/**
 * One line a request, when its answer has gone out: who (and on whose behalf), what, how it ended, how long it
 * took. The path without its query; no header, cookie, token or body ever. With `metrics`, also the histogram
 * `elp_http_request_duration_seconds` by method, route pattern and status.
 *
 * @example
 * app.use(requestId(), requestLog({ log, metrics }));
 */
export function requestLog({ log, metrics }: { log: Logger; metrics?: Registry }): RequestHandler {
  const durations =
    metrics &&
    new Histogram({
      name: 'elp_http_request_duration_seconds',
      help: 'Requests by route and status',
      labelNames: ['method', 'route', 'status'],
      buckets: BUCKETS_SECONDS,
      registers: [metrics],
    });

  const routes = new Set<string>();
  /** The path of a mount that has a parameter is the caller's own text, and so is one that no route took. */
  function labelOf(req: Request): string {
    if (!req.route) return 'none';
    const route = `${req.baseUrl}${req.route.path}`;
    if (routes.size >= MOST_ROUTES && !routes.has(route)) return 'other';
    routes.add(route);
    return route;
  }

  return function logRequest(req, res, next) {
    const startedAtMs = performance.now();
    const { path, method } = req;
    res.once('close', () => {
      const durationMs = performance.now() - startedAtMs;
      const principal = principalOf(req);
      durations?.observe({ method, route: labelOf(req), status: res.statusCode }, durationMs / 1_000);
      log.info(
        {
          requestId: requestIdOf(req),
          method,
          path,
          status: res.statusCode,
          durationMs: Math.round(durationMs * 10) / 10,
          ...(res.writableFinished ? {} : { aborted: true }),
          ...(principal ? { principal: principal.key, tenant: principal.tenant, via: principal.via } : {}),
          ...(principal?.actor ? { actor: principal.actor } : {}),
        },
        'request',
      );
    });
    next();
  };
}
