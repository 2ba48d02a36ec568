import { describe, expect, it } from '@jest/globals';
import express, { type Express, Router } from 'express';
import { pino } from 'pino';
import request from 'supertest';
import { ConfigurationError } from '../../src/errors.ts';
import type { PermissionChecker } from '../../src/permission/checker.ts';
import { definePolicy } from '../../src/permission/define-policy.ts';
import { markGuard } from '../../src/permission/guard-marks.ts';
import { authenticatedRoute, guardedBy, publicRoute } from '../../src/permission/public-route.ts';
import { createRequirePermission } from '../../src/permission/require-permission.ts';
import { assertGuarded, observeHandlers, routeTable } from '../../src/permission/route-census.ts';
import { watchRoutes } from '../../src/permission/watch-routes.ts';
import { answerProblems, testCaller } from '../support/permission-app.ts';

const policy = definePolicy({
  resources: { reports: { actions: ['view', 'edit'] }, operations: { actions: ['view'] } },
  roles: {},
});
const checker: PermissionChecker = {
  isAllowed: async ({ user }) => user.key === 'alice',
  permissionsOf: async () => ({}),
};
const requirePermission = createRequirePermission({
  policy,
  checker,
  defaultTenant: 'default',
  log: pino({ level: 'silent' }),
});
const view = () => requirePermission('view', 'reports');
const ok = (_req: unknown, res: { json(body: unknown): void }) => res.json({ ok: true });

function watched(routes: (app: Express) => void): Express {
  const app = express();
  watchRoutes(app);
  app.use(testCaller());
  routes(app);
  return app;
}

const problemsOf = (app: Express): readonly string[] => {
  try {
    assertGuarded(app);
    return [];
  } catch (error) {
    return (error as ConfigurationError).problems;
  }
};

describe('the route census', () => {
  it('lists routes of applications and routers at any depth, with their guards and reasons', () => {
    const app = watched((root) => {
      const inner = Router();
      inner.get('/:id', view(), ok);
      inner.route('/:id/parts').get(view(), ok).post(requirePermission('edit', 'reports'), ok);
      const reports = Router();
      reports.use('/deep', inner);
      root.use('/api/reports', reports);
      root.get('/livez', publicRoute('liveness probe'), ok);
      root.get('/me', authenticatedRoute(), ok);
      root.get('/metrics', requirePermission('view', 'operations', { tenant: 'default' }), ok);
      const hooks = Router();
      hooks.post('/', ok);
      root.use('/hooks', guardedBy('signature', 'HMAC'), hooks);
      const sub = express();
      sub.get('/x', view(), ok);
      root.use('/sub', sub);
      root.all('/every', view(), ok);
    });
    const rows = routeTable(app).map(({ method, path, permission, reason }) => [
      method,
      path,
      permission ?? reason,
    ]);
    expect(rows).toEqual([
      ['GET', '/api/reports/deep/:id', 'reports:view'],
      ['GET', '/api/reports/deep/:id/parts', 'reports:view'],
      ['POST', '/api/reports/deep/:id/parts', 'reports:edit'],
      ['GET', '/livez', 'liveness probe'],
      ['GET', '/me', 'authenticated'],
      ['GET', '/metrics', 'operations:view in the default tenant'],
      ['POST', '/hooks', 'HMAC'],
      ['GET', '/sub/x', 'reports:view'],
      ['ALL', '/every', 'reports:view'],
    ]);
    expect(problemsOf(app)).toEqual([]);
  });

  it('refuses the start and names every route without a guard, wherever it hides', () => {
    const app = watched((root) => {
      root.get('/a', ok);
      const router = Router();
      router.delete('/b', ok);
      root.use('/r', router);
      const sub = express();
      sub.put('/c', ok);
      root.use('/s', sub);
      root.all('/d', ok);
      root.use('/files', express.static('.'));
      root.use('/raw', (_req, res) => void res.end('raw'));
      root.get(/^\/re/, ok);
      root.get(['/e', '/f'], ok);
      root.get('/guard-last', ok, view());
      const nested = Router();
      nested.use(sub);
      root.use('/nested', nested);
    });
    expect(problemsOf(app).map((problem) => problem.split('(')[0]?.trim())).toEqual([
      'GET /a',
      'DELETE /r/b',
      'PUT /s/c',
      'ALL /d',
      'USE /files',
      'USE /raw',
      'GET /RegExp',
      'GET /e|/f',
      'GET /guard-last',
      'PUT /nested/c',
    ]);
  });

  it('names the three ways to mend it', () => {
    const [problem] = problemsOf(watched((root) => root.get('/a', ok)));
    for (const way of ['requirePermission', 'authenticatedRoute', 'publicRoute'])
      expect(problem).toContain(way);
    expect(problemsOf(watched((root) => root.get('/a', authenticatedRoute(), ok)))).toEqual([]);
  });

  it('takes a guard that is mounted in front for the routes below it, and only those', () => {
    const app = watched((root) => {
      root.use('/admin', view());
      root.get('/admin/one', ok);
      root.get('/administrators', ok);
      root.use(publicRoute('everything'));
      root.use(guardedBy('session', 'everything'));
      root.get('/open', ok);
    });
    expect(problemsOf(app).map((problem) => problem.split('(')[0]?.trim())).toEqual([
      'GET /administrators',
      'GET /open',
    ]);
  });

  it('gives no mount of a router the guard of another one', () => {
    const mounts = (guardOfSecond: boolean) =>
      watched((root) => {
        const shared = Router();
        shared.get('/x', ok);
        root.use('/admin', view());
        root.use('/admin', shared);
        if (guardOfSecond) root.use('/open', requirePermission('edit', 'reports'));
        root.use('/open', shared);
      });
    expect(problemsOf(mounts(false)).map((problem) => problem.split('(')[0]?.trim())).toEqual([
      'GET /open/x',
    ]);
    expect(problemsOf(mounts(true))).toEqual([]);
    const permissions = routeTable(mounts(true)).map(({ path, permission }) => [path, permission]);
    expect(permissions).toEqual([
      ['/admin/x', 'reports:view'],
      ['/open/x', 'reports:edit'],
    ]);
  });

  it('lets files and middleware that answers be public for a reason, and refusals stand anywhere', () => {
    const app = watched((root) => {
      root.use('/docs', publicRoute('documentation'), express.static('.'));
      root.use(function notFound(_req: unknown, _res: unknown) {
        throw new Error('no such route');
      });
      root.use(answerProblems);
    });
    expect(problemsOf(app)).toEqual([]);
  });

  it('lets middleware that sets up stand in front of the guard', async () => {
    const app = watched((root) => {
      root
        .route('/x')
        .all((_req, res, next) => {
          res.set('x-seen', '1');
          next();
        })
        .get(view(), ok);
      root.use(answerProblems);
    });
    expect(problemsOf(app)).toEqual([]);
    const answer = await request(app).get('/x').set('X-Test-Caller', 'alice').expect(200);
    expect(answer.headers['x-seen']).toBe('1');
    await request(app).get('/x').set('X-Test-Caller', 'carol').expect(403);
  });

  it('throws where a route is added without a guard after the start, and adds nothing', async () => {
    const router = Router();
    const app = watched((root) => {
      root.get('/a', view(), ok);
      root.use('/r', router);
      root.use(answerProblems);
    });
    assertGuarded(app);
    expect(() => app.get('/late', ok)).toThrow(ConfigurationError);
    expect(() => router.post('/late', ok)).toThrow(ConfigurationError);
    expect(() => app.use('/late', Router().get('/', ok))).toThrow(ConfigurationError);
    expect(() => app.get('/late-guarded', view(), ok)).not.toThrow();
    await request(app).get('/late').expect(404);
    await request(app).get('/late-guarded').set('X-Test-Caller', 'alice').expect(200);
  });

  it('answers 500 when a handler would run without the verdict of its guard', async () => {
    let ran = 0;
    const handler = (_req: unknown, res: { json(body: unknown): void }) => {
      ran += 1;
      res.json({});
    };
    const app = watched((root) => {
      // A guard that lets through and says nothing: the mistake the tripwire is there for.
      const broken = markGuard((_req: unknown, _res: unknown, next: () => void) => next(), {
        kind: 'public',
        reason: 'broken',
      });
      root.get('/broken', broken as never, handler);
      root.get('/whole', view(), handler);
      root.get('/unguarded', handler);
      root.use(answerProblems);
    });
    await request(app).get('/broken').set('X-Test-Caller', 'alice').expect(500);
    await request(app).get('/unguarded').set('X-Test-Caller', 'alice').expect(500);
    expect(ran).toBe(0);
    await request(app).get('/whole').set('X-Test-Caller', 'alice').expect(200);
    await request(app).head('/whole').set('X-Test-Caller', 'alice').expect(200);
    expect(ran).toBe(2);
  });

  it('does not take the verdict of one route for another', async () => {
    const app = watched((root) => {
      root.get('/x', authenticatedRoute(), (_req, _res, next) => next());
      root.get('/x', view(), ok);
      root.use(answerProblems);
    });
    await request(app).get('/x').set('X-Test-Caller', 'carol').expect(403);
    await request(app).get('/x').set('X-Test-Caller', 'alice').expect(200);
  });

  it('tells a test which guarded handlers ran, until it stops listening', async () => {
    const app = watched((root) => {
      root.get('/x', view(), function showReports(_req, res) {
        res.json({});
      });
      root.use(answerProblems);
    });
    const ran: string[] = [];
    const stop = observeHandlers(app, (name) => ran.push(name));
    await request(app).get('/x').set('X-Test-Caller', 'carol').expect(403);
    expect(ran).toEqual([]);
    await request(app).get('/x').set('X-Test-Caller', 'alice').expect(200);
    stop();
    await request(app).get('/x').set('X-Test-Caller', 'alice').expect(200);
    expect(ran).toEqual(['showReports']);
  });

  it('adopts what was there before it looked, and knows nothing of an application it does not watch', () => {
    const late = express();
    late.get('/early', view(), ok);
    late.use('/open', Router().get('/x', ok));
    watchRoutes(late);
    watchRoutes(late);
    expect(routeTable(late).map(({ path, guarded }) => [path, guarded])).toEqual([
      ['/early', true],
      ['/open/x', false],
    ]);
    expect(() => routeTable(express())).toThrow('watchRoutes');
  });

  it('tells how a caller becomes known', () => {
    const app = watched((root) => {
      const bearerAuthentication = (_req: unknown, _res: unknown, next: () => void) => next();
      const sessionOrNot = (_req: unknown, _res: unknown, next: () => void) => next();
      root.use('/api', bearerAuthentication);
      root.get('/api/a', view(), ok);
      root.get('/api/b', sessionOrNot, view(), ok);
      root.get('/console', guardedBy('session', 'browser session'), ok);
      root.post('/hook', guardedBy('signature', 'HMAC'), ok);
      root.get('/open', bearerAuthentication, publicRoute('open'), ok);
    });
    expect(routeTable(app).map(({ path, authentication }) => [path, authentication])).toEqual([
      ['/api/a', 'bearer'],
      ['/api/b', 'bearer or session'],
      ['/console', 'session'],
      ['/hook', 'signature'],
      ['/open', ''],
    ]);
  });

  it('refuses a caller that nobody knows where any known one may in', async () => {
    const app = watched((root) => {
      root.get('/me', authenticatedRoute('about the caller'), ok);
      root.use(answerProblems);
    });
    expect(routeTable(app)[0]?.reason).toBe('about the caller');
    await request(app).get('/me').expect(401);
    await request(app).get('/me').set('X-Test-Caller', 'carol').expect(200);
  });

  it('follows handlers for every method, guards on a router, and applications that hide', () => {
    const app = watched((root) => {
      const router = Router();
      root.use('/r', router);
      router.use(view());
      router.get('/inherits', ok);
      root.route('/all').all(view(), ok);
      root.route('/late-all').get(view(), ok).all(ok);
      root.use(function mounted_app(_req, _res, next) {
        next();
      });
    });
    expect(routeTable(app).map(({ method, path, guarded }) => [method, path, guarded])).toEqual([
      ['GET', '/r/inherits', true],
      ['ALL', '/all', true],
      ['GET', '/late-all', true],
      ['ALL', '/late-all', false],
      ['USE', '/', false],
    ]);
  });

  it('says so when a router forgot where something is mounted', () => {
    const app = express();
    const router = Router();
    router.route('/x').all(view(), ok);
    app.use('/somewhere', router);
    for (const layer of app.router.stack) delete (layer as { rawPath?: unknown }).rawPath;
    watchRoutes(app);
    expect(routeTable(app).map(({ path }) => path)).toEqual(['/(unknown)/x']);
  });

  it('leaves settings alone that come between watching and the first route', async () => {
    const app = express();
    watchRoutes(app);
    app.set('case sensitive routing', true);
    app.set('strict routing', true);
    app.use(testCaller());
    app.get('/x', view(), ok);
    app.use(answerProblems);
    await request(app).get('/X').set('X-Test-Caller', 'alice').expect(404);
    await request(app).get('/x/').set('X-Test-Caller', 'alice').expect(404);
    await request(app).get('/x').set('X-Test-Caller', 'alice').expect(200);
  });

  it('asks for a reason', () => {
    expect(() => publicRoute(' ')).toThrow(TypeError);
    expect(() => guardedBy('signature', '')).toThrow(TypeError);
  });
});
