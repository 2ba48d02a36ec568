import express, { type Express, Router } from 'express';
import {
  corsPolicy,
  methodGuard,
  metricsRoute,
  notFound,
  openApiDocument,
  openApiHandlers,
  problemDetails,
  publicRoute,
  requestId,
  requestLog,
  requestShape,
  routeTable,
  securityHeaders,
  systemClock,
} from '../index.ts';
import type { AppGate, AppParts } from './app-parts.ts';
import type { Config } from './config.ts';
import { registerMemberErrands } from './members/member-errands.ts';
import { registerReportErrands } from './reports/report-errands.ts';
import { createReportStore } from './reports/report-store.ts';
import { routeDocuments } from './route-documents.ts';
import { adminRoutes } from './routes/admin.ts';
import { meRoutes } from './routes/me.ts';
import { memberRoutes } from './routes/members.ts';
import { reportRoutes } from './routes/reports.ts';
import { shareRoutes } from './routes/shares.ts';

export type AppOptions = {
  gate: AppGate;
  config: Pick<Config, 'baseUrl' | 'trustProxy' | 'corsOrigins'> & {
    permit: Pick<Config['permit'], 'defaultTenant'>;
  };
  version?: string;
  /** `false` only to list the routes of an application that may not start. */
  refuseUnguarded?: boolean;
};

/**
 * Puts the reference application together. It opens nothing: `gate.start()` does.
 *
 * @throws ConfigurationError for a route without a guard, or settings that cannot work.
 *
 * @example
 * const gate = createGate(gateSettingsOf(config));
 * const app = createApp({ gate, config });
 * await gate.start();
 */
export function createApp({ gate, config, version = '0.0.0', refuseUnguarded = true }: AppOptions): Express {
  const { log, metrics, rateLimits } = gate;
  const reports = createReportStore({ database: gate.database, clock: systemClock });
  registerReportErrands(gate, reports);
  registerMemberErrands(gate);

  const app = express();
  gate.watchRoutes(app);
  app.disable('x-powered-by');
  app.set('trust proxy', config.trustProxy);
  app.set('etag', false);
  app.set('case sensitive routing', true);
  app.set('query parser', 'simple');

  app.use(requestId({ trustIncoming: config.trustProxy !== false }));
  app.use(requestLog({ log, metrics }));
  app.use(securityHeaders({ hsts: config.baseUrl.startsWith('https:') }));
  app.use(requestShape());
  app.use(corsPolicy(config.corsOrigins), methodGuard(app));
  app.get('/livez', publicRoute('liveness probe: touches nothing'), gate.health.livez);
  app.get('/readyz', publicRoute('readiness probe: names of parts and ok or degraded'), gate.health.readyz);
  app.use(rateLimits.perAddress());
  app.use('/api/webhooks/logto', gate.webhooks());
  app.use(gate.sessionRoutes());

  const authenticated = [gate.session(), gate.bearerAuth(), rateLimits.perPrincipal()];
  const parts: AppParts = { gate, reports, authenticated, defaultTenant: config.permit.defaultTenant };
  const api = Router({ caseSensitive: true, strict: true });
  for (const routes of [reportRoutes, shareRoutes, memberRoutes, meRoutes, adminRoutes])
    api.use(routes(parts));
  app.use('/api', api);
  app.get(
    '/metrics',
    ...authenticated,
    gate.requirePermission('view', 'operations', { tenant: 'default' }),
    metricsRoute(metrics),
  );

  const docs = openApiHandlers(() => {
    const rows = routeTable(app);
    const title = 'express-logto-permit: the reference application';
    return openApiDocument(rows, { title, version, baseUrl: config.baseUrl, routes: routeDocuments(rows) });
  });
  app.get('/openapi.json', publicRoute('API description'), docs.json);
  app.get('/docs', publicRoute('API description as a page'), docs.page);

  app.use(notFound());
  app.use(problemDetails({ log }));
  if (refuseUnguarded) gate.assertGuarded(app);
  return app;
}
