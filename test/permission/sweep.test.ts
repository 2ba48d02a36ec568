import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import express, { Router } from 'express';
import { pino } from 'pino';
import { definePolicy } from '../../src/permission/define-policy.ts';
import { pathParam } from '../../src/permission/path-param.ts';
import { authenticatedRoute, publicRoute } from '../../src/permission/public-route.ts';
import { createRequirePermission } from '../../src/permission/require-permission.ts';
import { assertGuarded, routeTable } from '../../src/permission/route-census.ts';
import { watchRoutes } from '../../src/permission/watch-routes.ts';
import { answerProblems, testCaller } from '../support/permission-app.ts';
import { guardMutants } from '../support/permission-mutants.ts';
import { type SweepCaller, sweepRoutes, wentWrong } from '../support/permission-sweep.ts';

const policy = definePolicy({ resources: { reports: { actions: ['view', 'edit', 'delete'] } }, roles: {} });
const requirePermission = createRequirePermission({
  policy,
  checker: {
    isAllowed: async ({ user, resource }) => user.key === 'alice' && resource.tenant === 'acme',
    permissionsOf: async () => ({}),
  },
  defaultTenant: 'default',
  log: pino({ level: 'silent' }),
});

const app = express();
watchRoutes(app);
app.use(testCaller());
const reports = Router();
const answer = (_req: unknown, res: { json(body: unknown): void }) => res.json({});
const one = { key: pathParam('reportId') };
reports.get('/', requirePermission('view', 'reports'), answer);
reports
  .route('/:reportId')
  .get(requirePermission('view', 'reports', one), answer)
  .patch(requirePermission('edit', 'reports', one), answer)
  .delete(requirePermission('delete', 'reports', one), answer);
app.use('/api/reports', reports);
app.get('/api/me', authenticatedRoute(), answer);
app.get('/livez', publicRoute('probe'), answer);
app.use(answerProblems);
assertGuarded(app);

const callers: SweepCaller[] = [
  { name: 'anonymous', headers: {}, refusedWith: 401, unauthenticatedWith: 401 },
  { name: 'without grants', headers: { 'x-test-caller': 'carol@acme' }, refusedWith: 403 },
  { name: 'of another tenant', headers: { 'x-test-caller': 'alice@globex' }, refusedWith: 403 },
];

let server: Server;
let baseUrl: string;
beforeAll(async () => {
  server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});
const sweep = () => sweepRoutes({ app, baseUrl, callers });

describe('the sweep over all routes', () => {
  it('is refused 3 × R times, and no handler runs', async () => {
    const results = await sweep();
    const guarded = routeTable(app).filter(({ guard }) => guard?.kind === 'permission').length;
    expect(results).toHaveLength(3 * guarded + 1);
    expect(results.filter(wentWrong)).toEqual([]);
  });

  it('lets the one in who may', async () => {
    const allowed = { name: 'alice', headers: { 'x-test-caller': 'alice@acme' }, refusedWith: 200 };
    const results = await sweepRoutes({ app, baseUrl, callers: [allowed] });
    expect(results.map(({ status, ran }) => [status, ran])).toEqual(results.map(() => [200, ['answer']]));
  });

  it('goes red without any one of the guards', async () => {
    const mutants = guardMutants(app);
    expect(mutants.map(({ name }) => name)).toEqual([
      '/ reports:view',
      '/:reportId reports:view',
      '/:reportId reports:edit',
      '/:reportId reports:delete',
      '/api/me authenticated',
    ]);
    for (const mutant of mutants) {
      const results = await mutant.without(sweep);
      expect([mutant.name, results.some(wentWrong)]).toEqual([mutant.name, true]);
    }
    expect((await sweep()).filter(wentWrong)).toEqual([]);
  });
});
