import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import express from 'express';
import { pino } from 'pino';
import type { Question } from '../../src/permission/checker.ts';
import { definePolicy } from '../../src/permission/define-policy.ts';
import { pathParam } from '../../src/permission/path-param.ts';
import { createRequirePermission } from '../../src/permission/require-permission.ts';
import { assertGuarded } from '../../src/permission/route-census.ts';
import { watchRoutes } from '../../src/permission/watch-routes.ts';
import { answerProblems, principal, testCaller } from '../support/permission-app.ts';

const policy = definePolicy({
  resources: { reports: { actions: ['view', 'edit'], attributes: { status: 'string' } } },
  roles: {},
});
const objects = new Map([
  ['r1', { id: 'r1', tenant: 'acme', ownerId: 'bob', status: 'draft' }],
  ['r2', { id: 'r2', tenant: 'globex', ownerId: 'erin', status: 'draft' }],
]);
const asked: Question[] = [];
let ran = 0;
const requirePermission = createRequirePermission({
  policy,
  checker: {
    isAllowed: async (question) => {
      asked.push(question);
      return question.user.key === 'alice' && question.resource.tenant === 'acme';
    },
    permissionsOf: async () => ({}),
  },
  defaultTenant: 'default',
  log: pino({ level: 'silent' }),
});

const app = express();
watchRoutes(app);
app.use(testCaller(), express.json());
const handler = (_req: unknown, res: { json(body: unknown): void }) => {
  ran += 1;
  res.json({});
};
const loaded = { key: pathParam('reportId'), load: (_req: unknown, key: string) => objects.get(key) };
app.get('/admin', requirePermission('view', 'reports'), handler);
app.get('/reports/:reportId', requirePermission('view', 'reports', { key: pathParam('reportId') }), handler);
app.post('/reports/:reportId', requirePermission('edit', 'reports', loaded), handler);
app.get('/wild/*reportId', requirePermission('view', 'reports', { key: pathParam('reportId') }), handler);
app.use(answerProblems);
assertGuarded(app);

const server = createServer(app);
beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});
beforeEach(() => {
  asked.length = 0;
  ran = 0;
});

/** Sends the request line as it stands; no client library tidies it up. */
async function raw(line: string, headers: readonly string[] = [], body = ''): Promise<number> {
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  await once(socket, 'connect');
  const length = body ? [`Content-Length: ${Buffer.byteLength(body)}`, 'Content-Type: application/json'] : [];
  socket.end(
    [`${line} HTTP/1.1`, 'Host: x', 'Connection: close', ...length, ...headers, '', body].join('\r\n'),
  );
  let answer = '';
  for await (const chunk of socket) answer += String(chunk);
  return Number(answer.split(' ')[1]);
}
const carol = ['X-Test-Caller: carol@acme'];
const alice = ['X-Test-Caller: alice@acme'];

describe('b6 object ids', () => {
  it.each([
    ['1:2', 'a delimiter'],
    ['1:2:3', 'two delimiters'],
    ['..%2f', 'a way up'],
    ['%2F', 'a slash'],
    ['%2e%2e', 'dots'],
    ['*', 'a star'],
    ['__tenant', "the vendor's own"],
    ['a%00', 'NUL'],
    ['a%0d%0ab', 'CRLF'],
    ['a'.repeat(4096), '4 KB'],
    ['caf%C3%A9', 'NFC'],
    ['cafe%CC%81', 'NFD'],
    ['__proto__', 'a prototype'],
    ['-a', 'a dash in front'],
  ])('%p is 400: %s', async (id) => {
    expect(await raw(`GET /reports/${id}`, alice)).toBe(400);
    expect([ran, asked]).toEqual([0, []]);
  });

  it('takes a plain id, whatever the query says', async () => {
    expect(await raw('GET /reports/r1?id[]=r2&key=r2', alice)).toBe(200);
    expect(asked[0]?.resource).toEqual({ type: 'reports', key: 'r1', tenant: 'acme' });
    expect(await raw('GET /reports/', alice)).toBe(404);
    expect(await raw('GET /wild/a/b', alice)).toBe(400);
    expect(await raw('GET /reports/a.b_c-9', alice)).toBe(200);
  });
});

describe('b7 the tenant', () => {
  it.each([
    ['query', 'POST /reports/r2?tenant=globex', [] as string[], '{}'],
    ['body', 'POST /reports/r2', [], '{"tenant":"globex","resource":{"tenant":"globex"}}'],
    ['header', 'POST /reports/r2', ['X-Tenant: globex', 'X-Organization-Id: globex'], '{}'],
  ])("is the caller's, not the %s's", async (_name, line, headers, body) => {
    expect(await raw(line, [...alice, ...headers], body)).toBe(403);
    expect([ran, asked]).toEqual([0, []]);
  });

  it('is asked about as the caller has it: the same key in two tenants is two questions', async () => {
    expect(await raw('GET /reports/r1', alice)).toBe(200);
    expect(await raw('GET /reports/r1', ['X-Test-Caller: alice@globex'])).toBe(403);
    expect(await raw('GET /reports/r1', ['X-Test-Caller: alice'])).toBe(403);
    expect(asked.map(({ resource }) => resource.tenant)).toEqual(['acme', 'globex', 'default']);
  });

  it('is that of the machine, whose key no person can have', () => {
    expect(principal('reporter', { kind: 'machine' }).key).toBe('m2m|reporter');
  });
});

describe('b9 ways around a route', () => {
  it.each([
    ['HEAD', 'HEAD /admin', 403],
    ['OPTIONS answers without the handler', 'OPTIONS /admin', 200],
    ['TRACE', 'TRACE /admin', 404],
    ['a trailing slash', 'GET /admin/', 403],
    ['upper case', 'GET /ADMIN', 403],
    ['two slashes', 'GET //admin', 404],
    ['percent-encoding', 'GET /%61dmin', 404],
    ['a dot segment', 'GET /./admin', 404],
    ['a way up', 'GET /x/../admin', 404],
    ['a path parameter', 'GET /admin;x=1', 404],
    ['an absolute address', 'GET http://x/admin', 403],
  ])('%s', async (_name, line, status) => {
    expect(await raw(line, carol)).toBe(status);
    expect(ran).toBe(0);
  });

  it.each([
    ['a header', ['X-HTTP-Method-Override: GET', 'X-Method-Override: GET'], 'DELETE /admin'],
    ['a query', [], 'DELETE /admin?_method=GET'],
  ])('a method cannot be overridden by %s', async (_name, headers, line) => {
    expect(await raw(line, [...alice, ...headers])).toBe(404);
    expect(ran).toBe(0);
  });

  it('the plain request of the one who may does run the handler', async () => {
    expect(await raw('GET /admin', alice)).toBe(200);
    expect(ran).toBe(1);
  });
});

describe('b10 what a body says about itself', () => {
  it.each([
    ['a prototype', '{"__proto__":{"isAdmin":true},"constructor":{"prototype":{"isAdmin":true}}}'],
    ['members twice', '{"user":"carol","user":"alice","user":{"key":"alice"}}'],
    [
      'attributes',
      '{"attributes":{"owner":"carol","status":"published"},"user":{"attributes":{"roles":["admin"]}}}',
    ],
    ['an owner and a tenant', '{"ownerId":"carol","tenant":"acme","owner":"carol"}'],
  ])('%s never reaches the question', async (_name, body) => {
    expect(await raw('POST /reports/r1', carol, body)).toBe(403);
    expect(asked).toEqual([
      {
        user: { key: 'carol' },
        action: 'edit',
        resource: {
          type: 'reports',
          key: 'r1',
          tenant: 'acme',
          attributes: { status: 'draft', owner: 'bob' },
        },
      },
    ]);
    expect(ran).toBe(0);
    expect(({} as Record<string, unknown>).isAdmin).toBeUndefined();
    expect(await raw('POST /reports/r1', alice, body)).toBe(200);
  });
});
