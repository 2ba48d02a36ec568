import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import express, { type ErrorRequestHandler, type RequestHandler } from 'express';
import type { Logger } from 'pino';
import { createControl } from '../control/control.ts';
import type { EmulatorClock } from '../control/emulator-clock.ts';
import { notEmulated } from '../control/not-emulated.ts';
import { controlEndpoints } from './control-endpoints.ts';
import type { createEmulatorState } from './emulator-state.ts';
import type { EngineOptions } from './engine/question.ts';
import { sendJson, urlOf } from './http-exchange.ts';
import { page } from './page.ts';
import { createPdp } from './pdp/create-pdp.ts';
import { createRouter } from './rest/router.ts';
import { restRoutes } from './rest/routes.ts';
import { type Observer, serveRest } from './rest/serve-rest.ts';

type AppOptions = {
  state: ReturnType<typeof createEmulatorState>;
  clock: EmulatorClock;
  engineOptions: EngineOptions;
  debug: boolean;
  allowedHosts: readonly string[];
  log: Logger | undefined;
  observe: Observer | undefined;
};

/** What a port serves: API and decision point together, the decision point alone, or OPA's path alone. */
export type PortRole = 'both' | 'pdp' | 'opa';

const PAGE_POLICY =
  "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; frame-ancestors 'none'";

/** The emulator as an Express application for each of its ports. */
export function createApp({ state, clock, engineOptions, debug, allowedHosts, log, observe }: AppOptions) {
  const control = createControl({
    name: 'permit',
    state: state.read,
    reset: state.reset,
    clock,
    allowedHosts,
    extra: controlEndpoints(state),
  });
  const pdp = createPdp({ state, engineOptions, debug });
  const router = createRouter(restRoutes);
  const report = (error: unknown) => log?.error({ err: error }, 'the permit emulator failed');

  const options = {
    router,
    organization: () => state.organization,
    newErrorId: state.newId,
    report,
    observe,
  };

  /** The API; through the decision point, what its facts proxy forwards to it. */
  const restHandler = (role: 'both' | 'pdp'): RequestHandler =>
    async function restApi(req, res, next) {
      const { path, search } = urlOf(req);
      const proxied = role === 'pdp' || path.startsWith('/facts/');
      const target = proxied ? pdp.factsTarget(req, res, path) : { path };
      if (target === 'refused') return;
      if (target === 'none') return next();
      const entrance = proxied ? 'proxy' : 'api';
      if (!(await serveRest(req, res, options, { path: target.path, search, entrance }))) next();
    };

  const showPage: RequestHandler = function showPage(_req, res) {
    res.type('html').set('content-security-policy', PAGE_POLICY).send(page);
  };

  const failed: ErrorRequestHandler = function failed(error, _req, res, _next) {
    report(error);
    if (!res.headersSent) sendJson(res, 500, { detail: 'the permit emulator failed: see its log' });
  };

  function application(role: PortRole) {
    const app = express();
    app.disable('x-powered-by');
    app.disable('etag');
    app.use(control.guardHost, control.recordRequests, control.applyFaults, control.router);
    app.get('/', showPage);
    if (role === 'opa') app.use(pdp.opaPort);
    else app.use(pdp.decisionPoint, restHandler(role));
    app.use(notEmulated, failed);
    return app;
  }

  return {
    listener: (role: PortRole): RequestListener => {
      const app = application(role);
      return (req: IncomingMessage, res: ServerResponse) => void app(req, res);
    },
    reset: control.reset,
    close: control.close,
  };
}
