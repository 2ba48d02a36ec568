import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import express from 'express';
import { pino } from 'pino';
import request from 'supertest';
import { createCallerPermissions } from '../../src/permission/caller-permissions.ts';
import { definePolicy } from '../../src/permission/define-policy.ts';
import { createRequirePermission } from '../../src/permission/require-permission.ts';
import { type Checker, createChecker } from '../../src/permit/create-checker.ts';
import { testApp } from '../support/permission-app.ts';
import { type ScriptedPdp, startScriptedPdp } from '../support/permission-pdp.ts';
import { until } from '../support/until.ts';

const policy = definePolicy({
  resources: { reports: { actions: ['view', 'edit'] }, operations: { actions: ['view'] } },
  roles: { viewer: ['reports:view'] },
});
const log = pino({ level: 'silent' });
let pdp: ScriptedPdp;
let checker: Checker;

beforeAll(async () => {
  pdp = await startScriptedPdp();
});
afterAll(() => pdp.close());
beforeEach(() => {
  checker = createChecker({ pdpUrl: pdp.url, apiKey: 'key', log });
  pdp.calls.length = 0;
  pdp.fault = undefined;
  pdp.decide = ({ resource }) => resource.key?.endsWith('1') ?? true;
  pdp.permissions = {};
});
afterEach(() => checker.stop());

function appWith(options: { checksDeadlineMs?: number } = {}) {
  const caller = createCallerPermissions({ policy, checker, ...options });
  const guard = createRequirePermission({ policy, checker, defaultTenant: 'default', log });
  const places = { inDefaultTenant: ['operations'] } as const;
  return testApp((routes) => {
    routes.get('/permissions', async (req, res) => res.json(await caller.list(req, places)));
    routes.post('/check', express.json({ limit: '1mb' }), async (req, res) =>
      res.json(await caller.check(req, req.body, places)),
    );
    routes.get('/reports', guard('view', 'reports'), (_req, res) => res.json({}));
    routes.get('/operations', guard('view', 'operations', { tenant: 'default' }), (_req, res) => {
      res.json({});
    });
  });
}

const reports = (count: number, prefix = 'r') =>
  Array.from({ length: count }, (_, n) => ({ action: 'view', resource: `reports:${prefix}${n}` }));
const check = (app: express.Express, who: string, resourcesAndActions: unknown) =>
  request(app).post('/check').set('X-Test-Caller', who).send({ resourcesAndActions });
/** Begins it: supertest sends nothing before somebody waits for the answer. */
const sent = (asked: request.Test) => asked.then((answer) => answer);
const sizes = () => pdp.calls.map(({ body }) => (Array.isArray(body) ? body.length : 1));

/** Holds the calls whose body has `about` in it until they are let go. */
function hold(about: string): () => void {
  let release: () => void = () => undefined;
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  pdp.fault = async (_path, _res, body) => {
    if (JSON.stringify(body).includes(about)) await held;
    return false;
  };
  return release;
}

describe('a long list of questions', () => {
  it('is asked a hundred at a time, one after the other, equal questions once', async () => {
    const release = hold('reports');
    const twice = [...reports(250), ...reports(250)];
    const asked = sent(check(appWith(), 'carol', twice));
    await until(() => pdp.calls.length > 0);
    for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
    expect(sizes()).toEqual([100]);
    release();
    const { status, body } = await asked;
    expect(status).toBe(200);
    expect(body.permittedList).toEqual(twice.map(({ resource }) => resource.endsWith('1')));
    expect(sizes()).toEqual([100, 100, 50]);
  });

  it('keeps nobody else waiting, however many of them one caller sends at once', async () => {
    const app = appWith();
    const server = app.listen(0);
    try {
      const release = hold('carol');
      const lists = Array.from({ length: 8 }, (_, n) =>
        sent(check(server as never, 'carol', reports(100, `list${n}-`))),
      );
      await until(() => pdp.calls.length > 0);
      // On the same connections as the lists: when it is answered, all of them have been read.
      for (let count = 0; count < 8; count += 1) {
        const bob = await request(server).get('/reports').set('X-Test-Caller', 'bob');
        expect(bob.status).toBe(200);
      }
      expect(pdp.questions().filter(({ user }) => user.key === 'carol')).toHaveLength(100);
      release();
      expect((await Promise.all(lists)).map(({ status }) => status)).toEqual(Array(8).fill(200));
    } finally {
      server.close();
    }
  });

  it('goes on after one that failed', async () => {
    const app = appWith();
    pdp.fault = (_path, res) => {
      res.statusCode = 422;
      res.end('{}');
      return true;
    };
    await check(app, 'carol', reports(150)).expect(503);
    // The bulk call and the hundred that were asked again one by one, and none after them.
    expect(pdp.calls).toHaveLength(101);
    pdp.fault = undefined;
    await check(app, 'carol', reports(150)).expect(200);
  });

  it('ends in a 503 when all of it takes too long', async () => {
    pdp.fault = async () => {
      const until = performance.now() + 60;
      while (performance.now() < until) await new Promise(setImmediate);
      return false;
    };
    const answer = await check(appWith({ checksDeadlineMs: 50 }), 'carol', reports(1_000)).expect(503);
    expect(Number(answer.headers['retry-after'])).toBeGreaterThanOrEqual(1);
    // On a very busy machine the time may be over before the first hundred is asked.
    expect([[], [100]]).toContainEqual(sizes());
    pdp.calls.length = 0;
    await check(appWith(), 'carol', reports(300)).expect(200);
    expect(sizes()).toEqual([100, 100, 100]);
  });

  it('is counted before its entries are looked at, and not every fault is told', async () => {
    const app = appWith();
    const many = await check(app, 'carol', Array(200_000).fill({})).expect(400);
    expect(many.body.errors).toEqual([
      { path: 'resourcesAndActions', message: expect.stringContaining('1000') },
    ]);
    const bad = await check(app, 'carol', Array(1_000).fill({})).expect(400);
    expect(bad.body.errors).toHaveLength(21);
    expect(bad.body.errors[20]).toEqual({ path: '', message: 'and 1980 more' });
    const few = await check(app, 'carol', Array(10).fill({})).expect(400);
    expect(few.body.errors).toHaveLength(20);
    await check(app, 'carol', reports(1_000)).expect(200);
    expect(pdp.questions()).toHaveLength(1_000);
  });
});

describe('what is asked in the default tenant', () => {
  const both = [
    { action: 'view', resource: 'operations' },
    { action: 'view', resource: 'reports' },
  ];

  it('is no to whoever acts in an organization, as the route says, and nobody is asked', async () => {
    const app = appWith();
    await request(app).get('/operations').set('X-Test-Caller', 'alice@acme').expect(403);
    await check(app, 'alice@acme', both).expect(200, { permittedList: [false, true] });
    expect(pdp.questions().map(({ resource }) => resource.type)).toEqual(['reports']);

    const tenant = { key: 'acme' };
    pdp.permissions = {
      '__tenant:acme': { tenant, permissions: ['operations:view', 'reports:view'], roles: ['admin'] },
      'operations:o1': {
        tenant,
        resource: { type: 'operations', key: 'o1' },
        permissions: ['operations:view'],
        roles: [],
      },
    };
    const { body } = await request(app).get('/permissions').set('X-Test-Caller', 'alice@acme').expect(200);
    expect(body).toEqual({
      tenant: 'acme',
      roles: ['admin'],
      resources: {
        reports: { actions: ['view'], objects: {} },
        operations: { actions: [], objects: {} },
      },
    });
  });

  it('is asked of everybody else', async () => {
    const app = appWith();
    await request(app).get('/operations').set('X-Test-Caller', 'alice').expect(200);
    await check(app, 'alice', both).expect(200, { permittedList: [true, true] });
    const tenant = { key: 'default' };
    pdp.permissions = {
      '__tenant:default': { tenant, permissions: ['operations:view'], roles: ['admin'] },
    };
    const { body } = await request(app).get('/permissions').set('X-Test-Caller', 'alice').expect(200);
    expect(body.resources.operations.actions).toEqual(['view']);
  });
});
