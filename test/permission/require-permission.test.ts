import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import request from 'supertest';
import { ConfigurationError } from '../../src/errors.ts';
import { definePolicy } from '../../src/permission/define-policy.ts';
import { pathParam } from '../../src/permission/path-param.ts';
import { createRequirePermission } from '../../src/permission/require-permission.ts';
import { loadedOf } from '../../src/permission/target.ts';
import { type Checker, createChecker } from '../../src/permit/create-checker.ts';
import { testApp } from '../support/permission-app.ts';
import { type ScriptedPdp, startScriptedPdp } from '../support/permission-pdp.ts';

const policy = definePolicy({
  resources: {
    reports: { actions: ['view', 'edit'], attributes: { status: 'string' } },
    operations: { actions: ['view'] },
  },
  roles: { viewer: ['reports:view'] },
});
const silent = pino({ level: 'silent' });
const reports = new Map([
  ['r1', { id: 'r1', tenant: 'acme', ownerId: 'alice', status: 'draft', secret: 's' }],
  ['r2', { id: 'r2', tenant: 'globex', ownerId: 'erin', status: 'draft', secret: 's' }],
]);

let pdp: ScriptedPdp;
let checker: Checker;
let ran: string[];

beforeAll(async () => {
  pdp = await startScriptedPdp();
  checker = createChecker({ pdpUrl: pdp.url, apiKey: 'key', log: silent });
});
afterAll(async () => {
  await checker.stop();
  await pdp.close();
});
beforeEach(() => {
  ran = [];
  pdp.calls.length = 0;
  pdp.fault = undefined;
  pdp.decide = ({ user }) => user.key === 'alice';
});

function app(options: { provision?: () => Promise<boolean>; metrics?: Registry } = {}) {
  const requirePermission = createRequirePermission({
    policy,
    checker,
    defaultTenant: 'default',
    log: silent,
    ...options,
  });
  return testApp((routes) => {
    const handler = (name: string) => (_req: unknown, res: { json(body: unknown): void }) => {
      ran.push(name);
      res.json({ name });
    };
    routes.get('/reports', requirePermission('view', 'reports'), handler('list'));
    routes.get(
      '/reports/:reportId',
      requirePermission('view', 'reports', { key: pathParam('reportId') }),
      handler('one'),
    );
    routes.get(
      '/loaded/:reportId',
      requirePermission('edit', 'reports', {
        key: pathParam('reportId'),
        load: (_req, key) => reports.get(key),
      }),
      (req, res) => {
        ran.push('loaded');
        res.json(loadedOf(req));
      },
    );
    routes.get(
      '/operations',
      requirePermission('view', 'operations', { tenant: 'default' }),
      handler('operations'),
    );
    routes.get(
      '/tenants/:tenant/reports',
      requirePermission('view', 'reports', { tenant: pathParam('tenant') }),
      handler('tenant'),
    );
    routes.get('/nothing', (req, res) => res.json(loadedOf(req)));
  });
}

const as = (caller: string, path: string, on = app()) => request(on).get(path).set('X-Test-Caller', caller);

describe('requirePermission', () => {
  it('lets through on a literal true, and sends the object form with an explicit tenant', async () => {
    await as('alice@acme', '/reports/r1').expect(200, { name: 'one' });
    expect(pdp.calls).toHaveLength(1);
    expect(pdp.calls[0]?.path).toBe('/allowed');
    expect(pdp.calls[0]?.headers.authorization).toBe('Bearer key');
    expect(pdp.calls[0]?.body).toEqual({
      user: { key: 'alice' },
      action: 'view',
      resource: { type: 'reports', key: 'r1', tenant: 'acme' },
      context: {},
    });
  });

  it('asks in the default tenant for a caller without an organization', async () => {
    await as('alice', '/reports').expect(200);
    expect(pdp.questions()[0]?.resource).toEqual({ type: 'reports', tenant: 'default' });
  });

  it('answers 401 without a caller and asks nobody', async () => {
    await request(app()).get('/reports').expect(401);
    expect([ran, pdp.calls]).toEqual([[], []]);
  });

  it('answers 403 on a denial', async () => {
    const answer = await as('carol', '/reports').expect(403);
    expect(answer.body.code).toBe('permission_denied');
    expect(ran).toEqual([]);
  });

  it('gives HEAD the verdict of GET', async () => {
    const target = app();
    await request(target).head('/reports').set('X-Test-Caller', 'carol').expect(403);
    expect(ran).toEqual([]);
    await request(target).head('/reports').set('X-Test-Caller', 'alice').expect(200);
  });

  it('hands the loaded object on and asks with its owner and declared attributes alone', async () => {
    const answer = await as('alice@acme', '/loaded/r1').expect(200);
    expect(answer.body).toEqual(reports.get('r1'));
    expect(pdp.questions()[0]?.resource).toEqual({
      type: 'reports',
      key: 'r1',
      tenant: 'acme',
      attributes: { status: 'draft', owner: 'alice' },
    });
  });

  it('answers the same 403 for an object of another tenant and for none, without asking', async () => {
    const foreign = await as('alice@acme', '/loaded/r2').expect(403);
    const missing = await as('alice@acme', '/loaded/r9').expect(403);
    expect(foreign.body).toEqual(missing.body);
    expect([ran, pdp.calls]).toEqual([[], []]);
  });

  it('asks for operations in the default tenant and refuses organization tokens', async () => {
    await as('alice', '/operations').expect(200);
    expect(pdp.questions()[0]?.resource.tenant).toBe('default');
    await as('alice@acme', '/operations').expect(403);
    expect(pdp.calls).toHaveLength(1);
  });

  it('refuses a path that names another tenant', async () => {
    await as('alice@acme', '/tenants/globex/reports').expect(403);
    expect(pdp.calls).toEqual([]);
    await as('alice@acme', '/tenants/acme/reports').expect(200);
  });

  it('provisions a stranger once and asks again', async () => {
    let provisioned = 0;
    pdp.decide = () => provisioned > 0;
    const provision = async () => {
      provisioned += 1;
      return provisioned === 1;
    };
    await as('dave', '/reports', app({ provision })).expect(200);
    expect(provisioned).toBe(1);
    pdp.decide = () => false;
    await as('dave', '/reports', app({ provision })).expect(403);
    expect(provisioned).toBe(2);
  });

  it('is an error of the program to ask for an object that no guard loaded', async () => {
    await as('alice', '/nothing').expect(500);
  });

  it('refuses an unknown action where the guard is made', () => {
    const requirePermission = createRequirePermission({
      policy,
      checker,
      defaultTenant: 'default',
      log: silent,
    });
    const loose = requirePermission as (action: string, resource: string, target?: object) => unknown;
    expect(() => loose('veiw', 'reports')).toThrow(ConfigurationError);
    expect(() => loose('view', 'toString')).toThrow(ConfigurationError);
    expect(() => loose('view', 'reports', { load: () => undefined })).toThrow(ConfigurationError);
  });

  it('adds context from the verified caller alone', async () => {
    const requirePermission = createRequirePermission({
      policy,
      checker,
      defaultTenant: 'default',
      log: silent,
    });
    const context = ({ clientId }: { clientId: string }) => ({ client: clientId });
    const target = testApp((routes) => {
      routes.get(
        '/context/:id',
        requirePermission('view', 'reports', { key: pathParam('id'), context }),
        (_req, res) => {
          res.json({});
        },
      );
    });
    await request(target).get('/context/r1').set('X-Test-Caller', 'alice').expect(200);
    expect(pdp.calls[0]?.body).toMatchObject({ context: { client: 'app' } });
  });

  it('asks about an object without owner and attributes as about any other', async () => {
    const requirePermission = createRequirePermission({
      policy,
      checker,
      defaultTenant: 'default',
      log: silent,
    });
    const load = (_req: unknown, id: string) => ({ id, tenant: 'default', ownerId: null });
    const target = testApp((routes) => {
      routes.get(
        '/bare/:id',
        requirePermission('view', 'operations', { key: pathParam('id'), load }),
        (_req, res) => {
          res.json({});
        },
      );
    });
    await request(target).get('/bare/o1').set('X-Test-Caller', 'alice').expect(200);
    expect(pdp.questions()[0]?.resource).toMatchObject({ type: 'operations', key: 'o1', tenant: 'default' });
  });

  it.each([undefined, null, 'route', 'router', ''])(
    'lets nobody through when something fails with %p',
    async (reason) => {
      const fail = () => Promise.reject(reason);
      const failing = { isAllowed: fail, permissionsOf: fail };
      const broken = {
        checker: createRequirePermission({ policy, checker: failing, defaultTenant: 'default', log: silent })(
          'view',
          'reports',
        ),
        load: createRequirePermission({ policy, checker, defaultTenant: 'default', log: silent })(
          'view',
          'reports',
          {
            key: pathParam('id'),
            load: fail,
          },
        ),
        provision: createRequirePermission({
          policy,
          checker,
          defaultTenant: 'default',
          log: silent,
          provision: fail,
        })('view', 'reports'),
        context: createRequirePermission({ policy, checker, defaultTenant: 'default', log: silent })(
          'view',
          'reports',
          {
            context: () => {
              throw reason;
            },
          },
        ),
      };
      for (const [name, guard] of Object.entries(broken)) {
        const target = testApp((routes) => {
          routes.get('/:id', guard, (_req, res) => {
            ran.push(name);
            res.json({});
          });
          routes.get('/:id', (_req, res) => {
            ran.push('next route');
            res.json({});
          });
        });
        await request(target)
          .get('/x')
          .set('X-Test-Caller', name === 'provision' ? 'dave' : 'alice')
          .expect(500);
      }
      expect(ran).toEqual([]);
    },
  );

  it('counts decisions', async () => {
    const metrics = new Registry();
    await as('alice', '/reports', app({ metrics })).expect(200);
    await as('carol', '/reports', app({ metrics })).expect(403);
    const text = await metrics.metrics();
    expect(text).toContain('elp_permission_decisions_total{verdict="allow",cached="false"} 1');
    expect(text).toContain('elp_permission_decisions_total{verdict="deny",cached="false"} 1');
  });
});
