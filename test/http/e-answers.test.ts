import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { setPrincipal } from '../../src/auth/principal.ts';
import { ConfigurationError, Conflict, UpstreamUnavailable } from '../../src/errors.ts';
import { corsPolicy } from '../../src/http/cors-policy.ts';
import { type HttpApp, startHttpApp } from '../support/http-app.ts';
import { openSocket, type RawAnswer, type RawRequest, sendRaw } from '../support/http-raw.ts';

const LISTED = 'https://good.example';
const SECRET = 'SELECT * FROM users WHERE token = hunter2';

let app: HttpApp;
let runs = 0;
beforeAll(async () => {
  app = await startHttpApp({
    origins: [LISTED, 'http://localhost:5173'],
    hsts: true,
    routes(express) {
      express.get('/throws', () => {
        throw new Error(SECRET);
      });
      express.get('/rejects', async () => {
        await Promise.reject(
          Object.assign(new Error(SECRET), {
            status: 401,
            config: { headers: { Authorization: 'Bearer hunter2' } },
          }),
        );
      });
      express.get('/rejects-with-nothing', () => Promise.reject());
      express.get('/throws-text', () => {
        throw SECRET;
      });
      express.get('/database', () => {
        throw Object.assign(new Error(`relation "users" does not exist: ${SECRET}`), { code: '42P01' });
      });
      express.get('/upstream', () => {
        throw new UpstreamUnavailable('permit', 'timed out', {
          cause: new Error('connect 10.0.0.1', { cause: new Error('deep') }),
          retryAfterSeconds: 2.2,
          logCode: 'permit_timeout',
        });
      });
      express.get('/half', (_req, res) => {
        res.write('half');
        throw new Conflict('too late');
      });
      express.get('/typed', (_req, res) => {
        res.set({
          ETag: '"x"',
          'Content-Encoding': 'br',
          'Content-Disposition': 'attachment',
          'Cache-Control': 'public',
        });
        throw new Conflict('moved', { detail: 'read it again' });
      });
      express.get('/items/:id', (req, res, next) => {
        setPrincipal(req, {
          kind: 'user',
          sub: 'alice',
          key: 'alice',
          clientId: 'web',
          tenant: 'acme',
          scopes: new Set(),
          audience: 'x',
          actor: 'support',
          via: 'bearer',
          issuedAt: 0,
          expiresAt: 1,
          claims: {},
        });
        if (req.params.id === 'bad') throw new Conflict('bad');
        runs += 1;
        res.json({});
        void next;
      });
      express.put('/items/:id', (_req, res) => void res.json({}));
    },
  });
});
afterAll(() => app.close());

/** What came before the server broke off. */
async function exchangeText(text: string): Promise<string> {
  const socket = await openSocket(app.port);
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  const ended = new Promise((resolve) => socket.on('error', resolve).on('close', resolve));
  socket.write(text);
  await ended;
  return Buffer.concat(chunks).toString('latin1');
}

const ask = (path: string, rest: Partial<RawRequest> = {}) => sendRaw(app.port, { path, ...rest });

function expectProblem(answer: RawAnswer, status: number, code: string): void {
  expect(answer.status).toBe(status);
  expect(answer.headers['content-type']).toBe('application/problem+json; charset=utf-8');
  expect(answer.headers['content-length']).toBe(String(Buffer.byteLength(answer.body)));
  expect(JSON.parse(answer.body)).toMatchObject({
    type: `urn:express-logto-permit:${code}`,
    status,
    code,
    instance: answer.headers['x-request-id'],
  });
}

const expectHeaders = (answer: RawAnswer) =>
  expect(answer.headers).toMatchObject({
    'strict-transport-security': 'max-age=31536000',
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'none';frame-ancestors 'none'",
    'referrer-policy': 'no-referrer',
    'cross-origin-resource-policy': 'same-origin',
    'cache-control': 'no-store',
    'x-request-id': expect.stringMatching(/^[0-9a-f-]{36}$/),
  });

describe('e-leakage', () => {
  it.each([
    ['e-19 a thrown error', '/throws'],
    ['e-20 a rejected promise', '/rejects'],
    ['a promise rejected with nothing', '/rejects-with-nothing'],
    ['a thrown text', '/throws-text'],
    ['e-23 an error of the database', '/database'],
  ])('%s is 500 internal_error and nothing else', async (_title, path) => {
    const answer = await ask(path);
    expectProblem(answer, 500, 'internal_error');
    expect(Object.keys(JSON.parse(answer.body))).toEqual(['type', 'title', 'status', 'code', 'instance']);
    expect(answer.body).not.toMatch(/hunter2|SELECT|\.ts|node_modules|Error:/);
    expectHeaders(answer);
    const line = app.logged.find(
      (entry) => entry.requestId === answer.headers['x-request-id'] && entry.level === 50,
    );
    expect(line).toMatchObject({ msg: 'unforeseen error' });
    expect(JSON.stringify(line)).not.toContain('Bearer');
  });

  it('e-21 bad JSON', async () => {
    const answer = await ask('/echo', {
      method: 'POST',
      headers: ['Content-Type: application/json'],
      body: '{"secret": hunter2',
    });
    expectProblem(answer, 400, 'invalid_input');
    expect(JSON.parse(answer.body).errors).toEqual([{ path: 'body', message: 'is no JSON object or list' }]);
    expect(answer.body).not.toContain('hunter2');
    // JSON.parse quotes what it could not read.
    const lines = app.logged.filter((entry) => entry.requestId === answer.headers['x-request-id']);
    expect(lines[0]).toMatchObject({ msg: 'is no JSON object or list', cause: ['SyntaxError'] });
    expect(JSON.stringify(lines)).not.toContain('hunter2');
  });

  it('e-22 a path that cannot be decoded', async () => {
    expectProblem(await ask('/items/%zz'), 400, 'invalid_input');
    expectProblem(await ask('/items/%c3%28'), 400, 'invalid_input');
    expect((await ask('/items/%c3%a9')).status).toBe(200);
  });

  it('e-24 an unknown route', async () => {
    const answer = await ask('/nowhere/<script>');
    expectProblem(answer, 404, 'not_found');
    expect(answer.body).not.toContain('script');
    expect(answer.headers).not.toHaveProperty('x-powered-by');
    expectHeaders(answer);
  });

  it('an outage keeps its cause for the log', async () => {
    const answer = await ask('/upstream');
    expectProblem(answer, 503, 'upstream_unavailable');
    expect(answer.headers['retry-after']).toBe('3');
    expect(answer.body).not.toMatch(/10\.0\.0\.1|permit_/);
    const line = app.logged.find((entry) => entry.logCode === 'permit_timeout');
    expect(line).toMatchObject({
      upstream: 'permit',
      cause: ['Error: connect 10.0.0.1', 'Error: deep'],
      level: 40,
    });
  });

  it('an answer that is half out is broken off, not finished as if it were whole', async () => {
    const bytes = await exchangeText('GET /half HTTP/1.1\r\nHost: localhost\r\n\r\n');
    expect(bytes).not.toContain('0\r\n\r\n');
    const line = app.logged.findLast((entry) => entry.path === '/half');
    expect(line).toMatchObject({ aborted: true });
  });

  it('what the handler said about its own answer does not stick to the problem', async () => {
    const answer = await ask('/typed');
    expectProblem(answer, 409, 'conflict');
    expect(JSON.parse(answer.body).detail).toBe('read it again');
    for (const name of ['etag', 'content-encoding', 'content-disposition'])
      expect(answer.headers).not.toHaveProperty(name);
    expect(answer.headers['cache-control']).toBe('no-store');
  });

  it('a fuzz of 1,000 requests meets no 500', async () => {
    let seed = 42;
    const random = (below: number) => {
      seed = (seed * 1_103_515_245 + 12_345) & 0x7fffffff;
      return seed % below;
    };
    const pick = <T>(list: readonly T[]) => list[random(list.length)] as T;
    const junk = (length: number) => Buffer.from(Array.from({ length }, () => random(256)));
    const fuzz = () => ({
      method: pick(['GET', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE', 'HEAD', 'QUERY', 'BREW']),
      path: `/${pick(['ok', 'echo', 'items', 'items/1', '', 'nowhere'])}${pick(['', '?', `?${junk(8).toString('hex')}=1`, '/%zz', '/..%2f..', ';x=1', '%00', '//', '?a[__proto__]=1&a[b][c]=2'])}`,
      headers: [
        `Content-Type: ${pick(['application/json', 'text/plain', 'application/json; charset=utf-7', ';;', 'a/b/c'])}`,
        `Origin: ${pick([LISTED, 'null', 'https://evil.example', junk(6).toString('base64')])}`,
        `Accept: ${pick(['*/*', 'text/html', 'q=;', ''])}`,
        `Content-Encoding: ${pick(['identity', 'gzip', 'br', 'x'])}`,
        `X-Request-Id: ${junk(4).toString('hex')}`,
      ],
      body: pick<string | Buffer>([
        '',
        '{}',
        '[]',
        '{"a":1}',
        '{"a":',
        junk(20),
        'null',
        '"x"',
        '{"__proto__":1}',
      ]),
    });
    const statuses = new Map<number, number>();
    for (let batch = 0; batch < 50; batch += 1) {
      const answers = await Promise.all(Array.from({ length: 20 }, () => sendRaw(app.port, fuzz())));
      for (const { status, headers, body } of answers) {
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
        expect(headers['x-request-id']).toBeTruthy();
        expect(body).not.toMatch(/\.ts:|node_modules|<html|<!DOCTYPE/i);
      }
    }
    expect([...statuses.keys()].filter((status) => status >= 500)).toEqual([]);
    expect(statuses.get(200)).toBeGreaterThan(20);
  });
});

describe('e-headers', () => {
  const answers: RawAnswer[] = [];
  beforeAll(async () => {
    for (const [path, method, status] of [
      ['/ok', 'GET', 200],
      ['/ok', 'HEAD', 200],
      ['/ok', 'OPTIONS', 204],
      ['/nowhere', 'GET', 404],
      ['/ok', 'DELETE', 405],
      ['/throws', 'GET', 500],
    ] as const) {
      const headers = [`Origin: ${LISTED}`, 'Access-Control-Request-Method: GET'];
      const answer = await ask(path, { method, headers });
      expect(answer.status).toBe(status);
      answers.push(answer);
    }
  });

  it.each([
    ['e-25 Strict-Transport-Security', 'max-age=31536000'],
    ['e-26 X-Content-Type-Options', 'nosniff'],
    ['e-27 Content-Security-Policy', "default-src 'none';frame-ancestors 'none'"],
    ['e-28 Referrer-Policy', 'no-referrer'],
    ['e-29 Cross-Origin-Resource-Policy', 'same-origin'],
    ['e-30 Cache-Control', 'no-store'],
  ])('%s is %s on every answer, errors too', (title, value) => {
    const [, name = ''] = title.toLowerCase().split(' ');
    expect(answers.map(({ headers }) => headers[name])).toEqual(answers.map(() => value));
  });

  it('no answer says what made it, or forgets that it differs by origin', () => {
    for (const answer of answers) {
      expectHeaders(answer);
      expect(answer.headers.vary).toContain('Origin');
      expect(answer.headers).not.toHaveProperty('x-powered-by');
    }
  });

  it('HSTS is for TLS only', async () => {
    const plain = await startHttpApp();
    expect((await sendRaw(plain.port, { path: '/ok' })).headers).not.toHaveProperty(
      'strict-transport-security',
    );
    await plain.close();
  });
});

describe('methods', () => {
  it.each([
    ['DELETE', '/ok', 'GET, HEAD'],
    ['OPTIONS', '/ok', 'GET, HEAD'],
    ['TRACE', '/ok', 'GET, HEAD'],
    ['POST', '/items/7', 'GET, HEAD, PUT'],
    ['OPTIONS', '/items/7/', 'GET, HEAD, PUT'],
    ['PATCH', '/OK', 'GET, HEAD'],
  ])('%s %s is 405 with the right ones, and no handler runs', async (method, path, allow) => {
    const before = runs;
    const answer = await ask(path, { method, headers: ['X-HTTP-Method-Override: GET'] });
    expectProblem(answer, 405, 'method_not_allowed');
    expect(answer.headers.allow).toBe(allow);
    expect(runs).toBe(before);
  });

  it('HEAD gets the verdict of GET, without a body', async () => {
    expect(await ask('/items/7', { method: 'HEAD' })).toMatchObject({ status: 200, body: '' });
    expect(await ask('/items/bad', { method: 'HEAD' })).toMatchObject({ status: 409, body: '' });
    expect(await ask('/nowhere', { method: 'HEAD' })).toMatchObject({ status: 404, body: '' });
  });

  it('OPTIONS of an unknown route is 404', async () => {
    expectProblem(await ask('/nowhere', { method: 'OPTIONS' }), 404, 'not_found');
  });
});

describe('e-CORS', () => {
  const preflight = (origin: string, method = 'PUT') =>
    ask('/items/7', {
      method: 'OPTIONS',
      headers: [`Origin: ${origin}`, `Access-Control-Request-Method: ${method}`],
    });

  it('e-31 a listed origin reads, and its preflight is 204', async () => {
    const answer = await ask('/ok', { headers: [`Origin: ${LISTED}`] });
    expect(answer.headers['access-control-allow-origin']).toBe(LISTED);
    const allowed = await preflight(LISTED);
    expect(allowed.status).toBe(204);
    expect(allowed.headers).toMatchObject({
      'access-control-allow-origin': LISTED,
      'access-control-allow-methods': 'GET,HEAD,POST,PUT,PATCH,DELETE',
      'access-control-allow-headers': expect.stringContaining('Authorization'),
    });
  });

  it.each([
    ['e-32 another origin', 'https://evil.example'],
    ['e-33 null', 'null'],
    ['e-34 a listed one as prefix', `${LISTED}.evil`],
    ['a listed one as suffix', 'https://evil-good.example'],
    ['a listed one on another port', `${LISTED}:8443`],
    ['a listed one over plain http', 'http://good.example'],
    ['a listed one in upper case', 'https://GOOD.example'],
  ])('%s reads nothing, and its OPTIONS is a 405', async (_title, origin) => {
    const answer = await ask('/ok', { headers: [`Origin: ${origin}`] });
    expect(answer.status).toBe(200);
    expect(answer.headers).not.toHaveProperty('access-control-allow-origin');
    expect(answer.headers.vary).toContain('Origin');
    expectProblem(await preflight(origin), 405, 'method_not_allowed');
  });

  it('e-35 credentials never meet a star', async () => {
    for (const origins of [
      ['*'],
      ['null'],
      ['https://good.example/'],
      ['good.example'],
      ['https://good.example/app'],
    ]) {
      expect(() => corsPolicy(origins)).toThrow(ConfigurationError);
    }
    const answer = await ask('/ok', { headers: [`Origin: ${LISTED}`] });
    expect(answer.headers['access-control-allow-credentials']).toBe('true');
    expect(answer.headers['access-control-allow-origin']).toBe(LISTED);
  });

  it('e-36 a preflight never names a method that is not listed', async () => {
    const answer = await preflight(LISTED, 'TRACE');
    expect(answer.headers['access-control-allow-methods']).not.toContain('TRACE');
  });

  it('OPTIONS of a listed origin without a method asked for is no preflight', async () => {
    expectProblem(
      await ask('/ok', { method: 'OPTIONS', headers: [`Origin: ${LISTED}`] }),
      405,
      'method_not_allowed',
    );
  });
});

describe('request ids and the log', () => {
  it('are ours, whatever comes in', async () => {
    const answer = await ask('/ok', { headers: ['X-Request-Id: client-chosen-1'] });
    expect(answer.headers['x-request-id']).not.toBe('client-chosen-1');
  });

  it('are taken over from a proxy of the operator, when they are plain', async () => {
    const behind = await startHttpApp({ trustProxy: true });
    const idFor = async (id: string) =>
      (await sendRaw(behind.port, { path: '/ok', headers: [`X-Request-Id: ${id}`] })).headers['x-request-id'];
    expect(await idFor('proxy-chosen_1')).toBe('proxy-chosen_1');
    for (const bad of ['short', 'with blank inside', 'x'.repeat(65), 'a","level":60'])
      expect(await idFor(bad)).not.toBe(bad);
    await behind.close();
  });

  it('one line a request: who, on whose behalf, how it ended; never the query', async () => {
    const answer = await ask('/items/7?access_token=hunter2');
    const line = app.logged.find((entry) => entry.requestId === answer.headers['x-request-id']);
    expect(line).toMatchObject({
      msg: 'request',
      method: 'GET',
      path: '/items/7',
      status: 200,
      principal: 'alice',
      actor: 'support',
      tenant: 'acme',
    });
    expect(JSON.stringify(app.logged)).not.toContain('access_token=hunter2');
    const refused = await ask('/items/bad');
    const problem = app.logged.find((entry) => entry.requestId === refused.headers['x-request-id']);
    expect(problem).toMatchObject({ code: 'conflict', actor: 'support', principal: 'alice' });
  });
});
