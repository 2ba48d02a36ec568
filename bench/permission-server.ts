import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import express, { type Express, type NextFunction, type Request, type Response } from 'express';
import { auth } from 'express-oauth2-jwt-bearer';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { Permit } from 'permitio';
import { pino } from 'pino';
import { createBearerAuth } from '../src/auth/bearer-auth.ts';
import { createVerifier } from '../src/auth/verifier.ts';
import { systemClock } from '../src/clock.ts';
import { ProblemError } from '../src/errors.ts';
import { definePolicy } from '../src/permission/define-policy.ts';
import { pathParam } from '../src/permission/path-param.ts';
import { createRequirePermission } from '../src/permission/require-permission.ts';
import { assertGuarded } from '../src/permission/route-census.ts';
import { watchRoutes } from '../src/permission/watch-routes.ts';
import { createChecker } from '../src/permit/create-checker.ts';
import { childOptions, sayReady } from './child.ts';

export type Variant = 'bare' | 'guide' | 'peer' | 'fresh' | 'cached';
type Options = { variant: Variant; pdpUrl: string; issuer: string; audience: string };

const options = childOptions<Options>();
const { pdpUrl, issuer, audience } = options;
const jwksUri = `${pdpUrl}/jwks`;
const report = { id: 'r1', title: 'A report', status: 'draft', tenant: 'default' };
const handler = (_req: Request, res: Response) => void res.json(report);
const PATH = '/api/reports/:reportId';

/** Each variant mounts the same handler; what stands in front of it is what is compared. */
const variants: Record<Variant, (app: Express) => void> = {
  bare(app) {
    app.get(PATH, handler);
  },

  // Logto's guide verifies with jose, Permit's asks with check(): once each for every request.
  guide(app) {
    const keys = createRemoteJWKSet(new URL(jwksUri));
    const permit = sdk();
    app.get(
      PATH,
      async (req: Request, res: Response, next: NextFunction) => {
        const token = (req.headers.authorization ?? '').slice('Bearer '.length);
        const { payload } = await jwtVerify(token, keys, { issuer, audience });
        const resource = { type: 'reports', key: String(req.params.reportId), tenant: 'default' };
        if (!(await permit.check(String(payload.sub), 'view', resource))) return void res.status(403).end();
        next();
      },
      handler,
    );
  },

  peer(app) {
    const permit = sdk();
    app.get(
      PATH,
      auth({ issuer, audience, jwksUri, tokenSigningAlg: 'ES384', strict: true }),
      async (req: Request, res: Response, next: NextFunction) => {
        const resource = { type: 'reports', key: String(req.params.reportId), tenant: 'default' };
        const sub = String(req.auth?.payload.sub);
        if (!(await permit.check(sub, 'view', resource))) return void res.status(403).end();
        next();
      },
      handler,
    );
  },

  fresh: (app) => ours(app, 0),
  cached: (app) => ours(app, 5_000),
};

function sdk(): Permit {
  return new Permit({ token: 'key', pdp: pdpUrl, log: { level: 'silent' } });
}

function ours(app: Express, cacheTtlMs: number): void {
  watchRoutes(app);
  const log = pino({ level: 'silent' });
  const verifier = createVerifier({
    issuers: [issuer],
    audiences: [audience],
    jwksUri,
    defaultTenant: 'default',
    tokenCacheTtlMs: 30_000,
    clock: systemClock,
    log,
  });
  const policy = definePolicy({ resources: { reports: { actions: ['view'] } }, roles: {} });
  const checker = createChecker({ pdpUrl, apiKey: 'key', cacheTtlMs, log });
  const requirePermission = createRequirePermission({ policy, checker, defaultTenant: 'default', log });
  const bearerAuth = createBearerAuth(verifier);
  app.get(PATH, bearerAuth(), requirePermission('view', 'reports', { key: pathParam('reportId') }), handler);
  assertGuarded(app);
}

const app = express();
variants[options.variant](app);
app.use((error: unknown, _req: Request, res: Response, _next: NextFunction) => {
  res.status(error instanceof ProblemError ? error.status : 500).end();
});
// The processor time of this process tells what a guard costs even on a machine that has other work.
const server = createServer((req, res) => {
  if (req.url !== '/cpu') return void app(req, res);
  const { user, system } = process.cpuUsage();
  res.end(String(user + system));
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
sayReady({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/reports/r1` });
