import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type HttpApp, startHttpApp } from '../support/http-app.ts';
import { exchange, openSocket, type RawAnswer, sendRaw } from '../support/http-raw.ts';
import { until } from '../support/until.ts';

let app: HttpApp;
let secretRuns = 0;

beforeAll(async () => {
  app = await startHttpApp({
    routes(express) {
      express.get('/secret', (_req, res) => {
        secretRuns += 1;
        res.json({});
      });
    },
  });
});
afterAll(() => app.close());

const raw = (text: string) => exchange(app.port, text);
const only = async (text: string): Promise<RawAnswer> => {
  const answers = await raw(text);
  expect(answers).toHaveLength(1);
  return answers[0] as RawAnswer;
};

function expectProblem(answer: RawAnswer, status: number): void {
  expect(answer.status).toBe(status);
  expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
  expect(answer.headers['x-request-id']).toBeTruthy();
  expect(answer.headers['x-content-type-options']).toBe('nosniff');
  expect(JSON.parse(answer.body)).toMatchObject({ status, instance: answer.headers['x-request-id'] });
}

const json = (body: string, type = 'application/json') => ({
  method: 'POST',
  path: '/echo',
  headers: [`Content-Type: ${type}`],
  body,
});

describe('rubbish behind a request whose answer is going out', () => {
  it('is answered by the end of the connection, never by a second answer inside the first', async () => {
    const begun = Promise.withResolvers<void>();
    const slow = await startHttpApp({
      routes(express) {
        express.get('/stream', (_req, res) => {
          res.write('first half');
          begun.resolve();
        });
      },
    });
    const socket = await openSocket(slow.port);
    let said = '';
    socket
      .on('error', () => undefined)
      .on('data', (chunk) => {
        said += chunk;
      });
    const ended = once(socket, 'close');
    socket.write('GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await begun.promise;
    await until(() => said.includes('first half'));
    socket.write('\0rubbish\r\n\r\n');
    await ended;
    expect(said).not.toContain('400');
    await slow.close();
  });
});

describe('e-sizes', () => {
  it('e-5 17 KB of headers: 431', async () => {
    expectProblem(await sendRaw(app.port, { path: '/ok', headers: [`X-Long: ${'x'.repeat(17_000)}`] }), 431);
    expect(
      (await sendRaw(app.port, { path: '/ok', headers: [`X-Long: ${'x'.repeat(12_000)}`] })).status,
    ).toBe(200);
  });

  it('e-6 2,000 headers: 431, none of them silently dropped', async () => {
    const headers = (count: number) => Array.from({ length: count }, (_, i) => `a${i}:`);
    expectProblem(await sendRaw(app.port, { path: '/ok', headers: headers(2_000) }), 431);
    expectProblem(await sendRaw(app.port, { path: '/ok', headers: headers(101) }), 431);
    expect((await sendRaw(app.port, { path: '/ok', headers: headers(90) })).status).toBe(200);
  });

  it('e-7 100 KB and a byte of JSON: 413', async () => {
    const body = (bytes: number) => JSON.stringify({ text: 'x'.repeat(bytes - '{"text":""}'.length) });
    expectProblem(await sendRaw(app.port, json(body(102_401))), 413);
    expect((await sendRaw(app.port, json(body(102_400)))).status).toBe(200);
  });

  it('e-8 JSON of 10,000 levels: 400', async () => {
    const nested = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`;
    expectProblem(await sendRaw(app.port, json(nested(10_000))), 400);
    expectProblem(await sendRaw(app.port, json(nested(67))), 400);
    expect((await sendRaw(app.port, json(nested(64)))).status).toBe(200);
  });

  it('e-9 1,000 members of the query: 400', async () => {
    const query = (count: number) => `/ok?${Array.from({ length: count }, (_, i) => `a${i}`).join('&')}`;
    expectProblem(await sendRaw(app.port, { path: query(1_000) }), 400);
    expectProblem(await sendRaw(app.port, { path: query(1_000).replace('?', '?x?&') }), 400);
    expect((await sendRaw(app.port, { path: query(100) })).status).toBe(200);
  });

  it('e-10 a URL of 8 KB: 414', async () => {
    expectProblem(await sendRaw(app.port, { path: `/ok?${'x'.repeat(8_192)}` }), 414);
    expect((await sendRaw(app.port, { path: `/ok?${'x'.repeat(4_000)}` })).status).toBe(200);
  });
});

describe('e-syntax', () => {
  const head = 'Host: localhost\r\nConnection: close\r\n';

  it('e-11 Content-Length beside Transfer-Encoding: 400', async () => {
    const smuggled = 'GET /secret HTTP/1.1\r\nHost: localhost\r\n\r\n';
    const answer = await only(
      `POST /echo HTTP/1.1\r\n${head}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`,
    );
    expectProblem(answer, 400);
    expect(secretRuns).toBe(0);
    expect((await sendRaw(app.port, { path: '/secret' })).status).toBe(200);
    expect(secretRuns).toBe(1);
  });

  it('e-12 two Content-Lengths: 400', async () => {
    const two = (second: number) =>
      `POST /echo HTTP/1.1\r\n${head}Content-Type: application/json\r\nContent-Length: 2\r\nContent-Length: ${second}\r\n\r\n{}`;
    expectProblem(await only(two(40)), 400);
  });

  it('e-13 a header folded over two lines: 400 or one value', async () => {
    const answer = await only(`GET /ok HTTP/1.1\r\n${head}X-Folded: one\r\n two\r\n\r\n`);
    expect([200, 400]).toContain(answer.status);
    const folded = await only(
      `GET /ok HTTP/1.1\r\n${head}Transfer-Encoding:\r\n chunked\r\nContent-Length: 3\r\n\r\n`,
    );
    expect(folded.status).toBe(400);
  });

  it('e-14 a bare line feed: 400', async () => {
    expectProblem(await only('GET /ok HTTP/1.1\nHost: localhost\n\n'), 400);
    expectProblem(await only(`GET /ok HTTP/1.1\r\n${head}X-One: 1\nX-Two: 2\r\n\r\n`), 400);
  });

  it('e-15 NUL in a header and in the path: 400', async () => {
    expectProblem(await only(`GET /ok HTTP/1.1\r\n${head}X-Nul: a\0b\r\n\r\n`), 400);
    expectProblem(await only(`GET /o\0k HTTP/1.1\r\n${head}\r\n`), 400);
  });

  it.each([
    ['none', ''],
    ['two', 'Host: localhost\r\nHost: evil.example\r\n'],
    ['with a path', 'Host: localhost/evil\r\n'],
    ['with user info', 'Host: user@localhost\r\n'],
    ['with two ports', 'Host: localhost:1:2\r\n'],
    ['a list', 'Host: localhost, evil.example\r\n'],
  ])('e-16 Host %s: 400', async (_title, host) => {
    expect((await only(`GET /ok HTTP/1.1\r\n${host}Connection: close\r\n\r\n`)).status).toBe(400);
  });

  it.each(['localhost', 'localhost:3000', 'api.example', '[::1]:3000'])('Host %s: 200', async (host) => {
    expect((await only(`GET /ok HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)).status).toBe(200);
  });

  it('e-17 an absolute address gets the verdict of its path', async () => {
    const answer = await only(`GET http://evil.example/ok?x=1 HTTP/1.1\r\n${head}\r\n`);
    expect(answer.status).toBe(200);
    expectProblem(await only(`GET http://evil.example/nowhere HTTP/1.1\r\n${head}\r\n`), 404);
    expectProblem(await only(`DELETE http://evil.example/ok HTTP/1.1\r\n${head}\r\n`), 405);
  });

  it('an address that cannot be read is a problem, not a page of Express', async () => {
    for (const address of [
      'http://[/ok',
      'http://x:1:2/ok',
      'http://x:999999/ok',
      'https://%/ok',
      '/ok#part',
      '//a#b@c/ok',
      '/caf\u00e9',
    ]) {
      expectProblem(await only(`GET ${address} HTTP/1.1\r\n${head}\r\n`), 400);
    }
    expectProblem(await only(`GET * HTTP/1.1\r\n${head}\r\n`), 404);
    expect((await only(`GET http://[::1]:3000/ok HTTP/1.1\r\n${head}\r\n`)).status).toBe(200);
  });

  it('an expectation that nobody can meet is a problem, and the common one is met', async () => {
    const post = 'POST /echo HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 2\r\n';
    expectProblem(await only(`${post}Expect: a miracle\r\n${head}\r\n{}`), 417);
    expect((await only(`${post}Expect: 100-continue\r\n${head}\r\n{}`)).status).toBe(200);
  });

  it('e-18 a hundred pipelined requests are answered in order', async () => {
    const request = (i: number) =>
      `GET /ok?n=${i} HTTP/1.1\r\nHost: localhost\r\n${i === 99 ? 'Connection: close\r\n' : ''}\r\n`;
    const answers = await raw(Array.from({ length: 100 }, (_, i) => request(i)).join(''));
    expect(answers.map(({ body }) => JSON.parse(body).query.n)).toEqual(
      Array.from({ length: 100 }, (_, i) => String(i)),
    );
  });

  it('a client that goes away in the middle disturbs nobody', async () => {
    const socket = await openSocket(app.port);
    socket.write(
      'POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{"a"',
    );
    socket.resetAndDestroy();
    expect((await sendRaw(app.port, { path: '/ok' })).status).toBe(200);
  });
});

describe('JSON bodies', () => {
  it.each([
    ['no JSON', '{"a":', 400],
    ['a bare string', '"a"', 400],
    ['__proto__', '{"__proto__":{"isAdmin":true}}', 400],
    ['__proto__ deep inside', '{"a":[{"b":{"__proto__":{}}}]}', 400],
    ['constructor', '{"constructor":{"prototype":{"isAdmin":true}}}', 400],
    ['an object', '{"a":{"b":[1,null,"x"]}}', 200],
    ['a list', '[1]', 200],
  ])('%s: %p → %p', async (_title, body, status) => {
    expect((await sendRaw(app.port, json(body))).status).toBe(status);
  });

  it('that are not UTF-8 are 400', async () => {
    const answer = await sendRaw(app.port, {
      ...json(''),
      body: Buffer.from([0x7b, 0x22, 0xc3, 0x28, 0x22, 0x3a, 0x31, 0x7d]),
    });
    expectProblem(answer, 400);
  });

  it.each([
    ['text/plain', 415],
    ['', 415],
    ['application/x-www-form-urlencoded', 415],
    ['application/json; charset=utf-16', 415],
    ['application/json; charset=latin1', 415],
    ['application/jsonx', 415],
    ['application/json; charset=UTF-8', 200],
    ['Application/JSON; charset="utf-8"; version=1', 200],
  ])('of type %p: %p', async (type, status) => {
    expect((await sendRaw(app.port, json('{}', type))).status).toBe(status);
  });

  it('without a type: 415; compressed: 415; none at all: the handler decides', async () => {
    expectProblem(await sendRaw(app.port, { method: 'POST', path: '/echo', body: '{}' }), 415);
    const gzip = { ...json('{}'), headers: ['Content-Type: application/json', 'Content-Encoding: gzip'] };
    expectProblem(await sendRaw(app.port, gzip), 415);
    const none = await sendRaw(app.port, {
      method: 'POST',
      path: '/echo',
      headers: ['Content-Type: application/json'],
    });
    expect(none.status).toBe(200);
  });

  it('in chunks: 200, and 415 when the type is wrong', async () => {
    const chunked = (type: string) => ({
      ...json('2\r\n{}\r\n0\r\n\r\n'),
      headers: [`Content-Type: ${type}`, 'Transfer-Encoding: chunked'],
    });
    expect((await sendRaw(app.port, chunked('application/json'))).status).toBe(200);
    expectProblem(await sendRaw(app.port, chunked('text/plain')), 415);
  });

  it('a refused upload is not read to its end', async () => {
    const head =
      'POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: 5000000\r\n\r\n';
    const [answer] = await exchange(app.port, head);
    expect(answer?.status).toBe(415);
    expect(answer?.headers.connection).toBe('close');
  });
});
