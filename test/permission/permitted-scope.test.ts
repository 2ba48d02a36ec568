import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import express from 'express';
import { pino } from 'pino';
import request from 'supertest';
import { createCallerPermissions } from '../../src/permission/caller-permissions.ts';
import { definePolicy } from '../../src/permission/define-policy.ts';
import { createPermittedScope, permittedScopeOf } from '../../src/permission/permitted-scope.ts';
import { type Checker, createChecker } from '../../src/permit/create-checker.ts';
import { testApp } from '../support/permission-app.ts';
import { type ScriptedPdp, startScriptedPdp } from '../support/permission-pdp.ts';

const policy = definePolicy({
  resources: { reports: { actions: ['view', 'edit'] }, members: { actions: ['view'] } },
  roles: { viewer: ['reports:view'] },
});
const log = pino({ level: 'silent' });
let pdp: ScriptedPdp;
let checker: Checker;

beforeAll(async () => {
  pdp = await startScriptedPdp();
  checker = createChecker({ pdpUrl: pdp.url, apiKey: 'key', log });
});
afterAll(async () => {
  await checker.stop();
  await pdp.close();
});
beforeEach(() => {
  pdp.calls.length = 0;
  pdp.fault = undefined;
  pdp.decide = () => false;
  pdp.permissions = {};
});

const tenant = { key: 'default', attributes: {} };
const report = (key: string, permissions: string[], of = tenant) => ({
  resource: { key, type: 'reports', attributes: {} },
  tenant: of,
  permissions,
  roles: ['reader'],
});

function app(provision?: () => Promise<boolean>) {
  const scopes = createPermittedScope({
    policy,
    checker,
    defaultTenant: 'default',
    log,
    ...(provision ? { provision } : {}),
  });
  const caller = createCallerPermissions({ policy, checker });
  expect(() => scopes.requirePermittedScope('veiw' as 'view', 'reports')).toThrow('reports:veiw');
  expect(() => scopes.requirePermittedScope('view', 'toString' as 'reports')).toThrow('toString:view');
  return testApp((routes) => {
    routes.get('/reports', scopes.requirePermittedScope('view', 'reports'), (req, res) => {
      res.json(permittedScopeOf(req));
    });
    routes.get('/scope', async (req, res) => {
      res.json(await scopes.permittedScope(req, 'edit', 'reports'));
    });
    routes.get('/unguarded', (req, res) => res.json(permittedScopeOf(req)));
    routes.get('/me/permissions', async (req, res) => res.json(await caller.list(req)));
    routes.post('/me/permissions/check', express.json(), async (req, res) =>
      res.json(await caller.check(req, req.body)),
    );
  });
}
const as = (caller: string, path: string, on = app()) => request(on).get(path).set('X-Test-Caller', caller);

describe('the scope of a list', () => {
  it('is everything for a role in the tenant, in one small call', async () => {
    pdp.decide = ({ resource }) => resource.key === undefined;
    await as('carol', '/reports').expect(200, { kind: 'all' });
    expect(pdp.calls.map(({ path }) => path)).toEqual(['/allowed']);
  });

  it('is the keys that instance roles allow, of this tenant, type and action only', async () => {
    pdp.permissions = {
      '__tenant:default': { tenant, permissions: ['members:view'], roles: ['clerk'] },
      'reports:r1': report('r1', ['reports:view', 'reports:edit']),
      'reports:r2': report('r2', ['reports:edit']),
      'reports:r3': report('r3', ['reports:view'], { key: 'globex', attributes: {} }),
      'members:m1': { ...report('m1', ['reports:view']), resource: { key: 'm1', type: 'members' } },
    };
    await as('dave', '/reports').expect(200, { kind: 'keys', keys: ['r1'] });
    expect(pdp.calls[1]?.body).toEqual({
      user: { key: 'dave' },
      tenants: ['default'],
      resource_types: ['__tenant', 'reports'],
    });
    await as('dave', '/scope').expect(200, { kind: 'keys', keys: ['r1', 'r2'] });
  });

  it('is a 403 when it is empty, 401 without a caller and 503 without an answer', async () => {
    await as('dave', '/reports').expect(403);
    await as('dave', '/scope').expect(200, { kind: 'none' });
    await request(app()).get('/reports').expect(401);
    pdp.fault = (_path, res) => {
      res.statusCode = 500;
      res.end('{}');
      return true;
    };
    await as('dave', '/reports').expect(503);
  });

  it('provisions a stranger once and looks again', async () => {
    let calls = 0;
    const provision = async () => {
      calls += 1;
      pdp.decide = () => true;
      return true;
    };
    await as('newbie', '/reports', app(provision)).expect(200, { kind: 'all' });
    expect(calls).toBe(1);
  });

  it('looks again past the remembered denial', async () => {
    const remembering = createChecker({ pdpUrl: pdp.url, apiKey: 'key', log, cacheTtlMs: 60_000 });
    const provision = async () => {
      pdp.decide = () => true;
      return true;
    };
    const scopes = createPermittedScope({
      policy,
      checker: remembering,
      defaultTenant: 'default',
      log,
      provision,
    });
    const cached = testApp((routes) => {
      routes.get('/reports', scopes.requirePermittedScope('view', 'reports'), (req, res) => {
        res.json(permittedScopeOf(req));
      });
    });
    await as('newbie', '/reports', cached).expect(200, { kind: 'all' });
    await remembering.stop();
  });

  it('belongs to a guard', async () => {
    await as('dave', '/unguarded').expect(500);
  });
});

describe('what the caller may do', () => {
  it('lists actions by resource and object, in the current tenant', async () => {
    pdp.permissions = {
      '__tenant:default': {
        tenant,
        permissions: ['reports:view', 'other:thing', 'toString:x'],
        roles: ['viewer'],
      },
      '__tenant:globex': { tenant: { key: 'globex' }, permissions: ['reports:edit'], roles: ['admin'] },
      'reports:r1': report('r1', ['reports:view', 'reports:edit']),
      'reports:__proto__': report('__proto__', ['reports:view']),
    };
    const answer = await as('carol', '/me/permissions').expect(200);
    expect(answer.body).toEqual({
      tenant: 'default',
      roles: ['viewer'],
      resources: {
        reports: { actions: ['view'], objects: { r1: ['view', 'edit'] } },
        members: { actions: [], objects: {} },
      },
    });
    pdp.permissions = {};
    expect((await as('dave', '/me/permissions').expect(200)).body.roles).toEqual([]);
    await request(app()).get('/me/permissions').expect(401);
  });

  it('answers the bulk shape of permit-fe-sdk for the caller, whoever is named', async () => {
    pdp.decide = ({ user, resource, action }) =>
      user.key === 'carol' && action === 'view' && resource.key !== 'r2';
    const answer = await request(app())
      .post('/me/permissions/check?user=alice')
      .set('X-Test-Caller', 'carol')
      .send({
        user: 'alice',
        resourcesAndActions: [
          { action: 'view', resource: 'reports', userAttributes: { role: 'admin' }, resourceAttributes: {} },
          {
            action: 'edit',
            resource: 'reports:r1',
            userAttributes: {},
            resourceAttributes: { owner: 'carol' },
          },
          { action: 'view', resource: 'reports:r2', userAttributes: {}, resourceAttributes: {} },
          { action: 'view', resource: 'constructor', userAttributes: {}, resourceAttributes: {} },
          { action: 'fly', resource: 'reports', userAttributes: {}, resourceAttributes: {} },
        ],
      })
      .expect(200);
    expect(answer.body).toEqual({ permittedList: [true, false, false, false, false] });
    expect(new Set(pdp.questions().map(({ user }) => JSON.stringify(user)))).toEqual(
      new Set(['{"key":"carol"}']),
    );
    expect(pdp.questions().some(({ resource }) => resource.attributes)).toBe(false);
  });

  it('refuses other shapes with every problem', async () => {
    const post = (body: object) =>
      request(app()).post('/me/permissions/check').set('X-Test-Caller', 'carol').send(body).expect(400);
    expect((await post({ resourcesAndActions: [{ action: 1 }] })).body.errors).toHaveLength(2);
    const odd = {
      resourcesAndActions: [
        { action: 'view', resource: 'reports:1:2' },
        { action: 'view', resource: 'reports:' },
      ],
    };
    expect((await post(odd)).body.errors).toHaveLength(2);
  });
});
