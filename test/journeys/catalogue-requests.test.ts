import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import express, { type ErrorRequestHandler, type Express, type RequestHandler } from 'express';
import { observeHandlers, problemDetails, publicRoute } from '../../src/index.ts';
import { closeServer } from '../support/app-stack.ts';
import { openCatalogueStack } from '../support/catalogue-stack.ts';

const ADMIN = '/api/admin/deliveries';
let stack: Awaited<ReturnType<typeof openCatalogueStack>>;
let [alice, carol] = ['', ''];
const ran: string[] = [];
beforeAll(async () => {
  stack = await openCatalogueStack();
  alice = await stack.emulators.tokenFor('alice');
  carol = await stack.emulators.tokenFor('carol');
  observeHandlers(stack.app, (handler) => ran.push(handler));
});
afterAll(() => stack.close());
beforeEach(async () => {
  await stack.questions();
  ran.length = 0;
});

describe('b9 ways around a route: the verdict of the plain request, or no such door', () => {
  it.each<[string, string, number, number, string[]?]>([
    ['b9-1 HEAD', `HEAD ${ADMIN}`, 403, 200],
    ['b9-2 OPTIONS', `OPTIONS ${ADMIN}`, 405, 405],
    ['b9-3 TRACE', `TRACE ${ADMIN}`, 405, 405],
    [
      'b9-4 a method in a header',
      `POST ${ADMIN}`,
      405,
      405,
      ['X-HTTP-Method-Override: GET', 'X-Method: GET'],
    ],
    ['b9-5 a method in the query', `POST ${ADMIN}?_method=GET`, 405, 405],
    ['b9-6 a trailing slash', `GET ${ADMIN}/`, 404, 404],
    ['b9-7 upper case', `GET ${ADMIN.toUpperCase()}`, 404, 404],
    ['b9-8 two slashes', `GET /${ADMIN}`, 404, 404],
    ['b9-9 percent-encoding', 'GET /api/%61dmin/deliveries', 404, 404],
    ['b9-10 a dot segment', 'GET /./api/admin/deliveries', 404, 404],
    ['b9-11 a way up', 'GET /livez/../api/admin/deliveries', 404, 404],
    ['b9-12 a path parameter', `GET ${ADMIN};x=1`, 404, 404],
    ['b9-13 an absolute address', `GET http://localhost${ADMIN}`, 403, 200],
  ])('%s', async (_name, line, forCarol, forAlice, headers = []) => {
    expect(await stack.raw(line, carol, headers)).toBe(forCarol);
    expect(ran).toEqual([]);
    expect(await stack.raw(`GET ${ADMIN}`, carol)).toBe(403);
    expect(ran).toEqual([]);
    expect(await stack.raw(line, alice, headers)).toBe(forAlice);
    expect(await stack.raw(`GET ${ADMIN}`, alice)).toBe(200);
    expect(ran).not.toEqual([]);
  });

  /** An application beside the reference one, with the same gate. */
  function another(routes: (app: Express) => void): Express {
    const app = express();
    stack.gate.watchRoutes(app);
    routes(app);
    app.use(problemDetails({ log: stack.gate.log }));
    return app;
  }
  const answer: RequestHandler = (_req, res) => void res.json({});

  it('b9-14 a route without a declared permission stops the start', () => {
    const { bearerAuth, requirePermission, assertGuarded } = stack.gate;
    const open = another((app) => app.get('/open', bearerAuth(), answer));
    expect(() => assertGuarded(open)).toThrow(/GET \/open/);
    const guarded = another((app) =>
      app.get('/open', bearerAuth(), requirePermission('view', 'reports'), answer),
    );
    expect(() => assertGuarded(guarded)).not.toThrow();
  });

  it('b9-15 a router that is added late is refused where it is added', async () => {
    const late = express.Router();
    late.get('/late', answer);
    expect(() => stack.app.use('/api', late)).toThrow(/\/api\/late/);
    expect((await stack.call('alice', 'GET', '/api/late')).status).toBe(404);
    const guarded = express.Router();
    guarded.get('/open', publicRoute('says hello'), answer);
    const app = another(() => undefined);
    stack.gate.assertGuarded(app);
    expect(() => app.use('/late', guarded)).not.toThrow();
  });

  it('b9-16 an error handler that goes on does not let anybody in', async () => {
    const { bearerAuth, requirePermission, assertGuarded } = stack.gate;
    let handled = 0;
    const goOn: ErrorRequestHandler = (_error, _req, _res, next) => next();
    const count: RequestHandler = (_req, res) => {
      handled += 1;
      res.json({});
    };
    const app = another((routes) => {
      routes.get('/soft', bearerAuth(), requirePermission('create', 'reports'), goOn, count);
    });
    assertGuarded(app);
    const server = createServer(app).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/soft`;
    const ask = async (token: string) =>
      (await fetch(url, { headers: { Authorization: `Bearer ${token}` } })).status;
    expect([await ask(carol), handled]).toEqual([500, 0]);
    expect([await ask(alice), handled]).toEqual([200, 1]);
    await closeServer(server);
  });

  it('b9-17 a folder of files is a route like any other', () => {
    const { assertGuarded } = stack.gate;
    const files = express.static('docs');
    expect(() => assertGuarded(another((app) => app.use('/files', files)))).toThrow(/\/files/);
    const declared = another((app) => app.use('/files', publicRoute('documentation'), files));
    expect(() => assertGuarded(declared)).not.toThrow();
  });
});

describe('b10 what a body says about its sender', () => {
  it.each([
    ['b10-1 a prototype', '{"title":"x","body":"","__proto__":{"isAdmin":true,"role":"admin"}}', 400],
    ['b10-2 a constructor', '{"title":"x","body":"","constructor":{"prototype":{"isAdmin":true}}}', 400],
    ['b10-3 a member twice', '{"title":"first","title":"second","body":""}', 201],
    [
      'b10-4 attributes',
      '{"title":"x","body":"","attributes":{"owner":"carol0000000"},"user":{"attributes":{"roles":["admin"]}}}',
      400,
    ],
    [
      'b10-5 an owner, a tenant, a status',
      '{"title":"x","body":"","ownerId":"carol0000000","tenant":"acme00000000","status":"published"}',
      400,
    ],
  ])('%s', async (_name, body, forAlice) => {
    expect(await stack.raw('POST /api/reports', carol, [], body)).toBe(403);
    expect(ran).toEqual([]);
    const asked = await stack.questions();
    const plain = {
      action: 'create',
      resource: { type: 'reports', tenant: 'default' },
      user: { key: 'carol0000000' },
    };
    expect(asked.length).toBeGreaterThan(0);
    for (const question of asked) expect(question).toEqual({ ...plain, context: {} });
    const plainly = '{"title":"plain","body":""}';
    expect(await stack.raw('POST /api/reports', alice, [], plainly)).toBe(201);
    expect(await stack.raw('POST /api/reports', alice, [], body)).toBe(forAlice);
    expect(({} as Record<string, unknown>).isAdmin).toBeUndefined();
    const [newest] = (await stack.call('alice', 'GET', '/api/reports')).body.items;
    expect(newest).toMatchObject({
      ownerId: 'alice0000000',
      tenant: 'default',
      status: 'draft',
      title: forAlice === 201 ? 'second' : 'plain',
    });
  });
});

describe('b11 the decision cache, under a token and under a grant', () => {
  const TTL_MS = 600_000;
  let remembering: Awaited<ReturnType<typeof openCatalogueStack>>;
  beforeAll(async () => {
    remembering = await openCatalogueStack({ decisionCacheTtlMs: TTL_MS });
  });
  afterAll(() => remembering.close());

  it('b11-7 a denial becomes a permission with the grant, not with the time to live', async () => {
    const draft = () => remembering.call('carol@acme', 'POST', '/api/reports', { title: 'Draft', body: '' });
    expect([(await draft()).status, (await remembering.questions()).length]).toEqual([403, 1]);
    expect([(await draft()).status, (await remembering.questions()).length]).toEqual([403, 0]);
    const editor = '/api/members/carol0000000/roles/editor';
    expect((await remembering.call('alice@acme', 'PUT', editor)).status).toBe(200);
    expect((await draft()).status).toBe(201);
  });

  it('b11-8 a token that expires is refused, however fresh the decision is', async () => {
    const read = (token: string) => remembering.raw(`GET ${ADMIN}`, token);
    const brief = await remembering.emulators.tokenFor('alice', { expiresIn: 60 });
    await remembering.questions();
    expect([await read(brief), (await remembering.questions()).length]).toEqual([200, 1]);
    expect([await read(brief), (await remembering.questions()).length]).toEqual([200, 0]);
    remembering.emulators.clock.setOffset(90);
    expect(await read(brief)).toBe(401);
    const another = await remembering.emulators.tokenFor('alice');
    expect([await read(another), (await remembering.questions()).length]).toEqual([200, 0]);
  });
});
