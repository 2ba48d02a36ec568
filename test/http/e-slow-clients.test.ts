import type { Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type HttpApp, startHttpApp } from '../support/http-app.ts';
import { exchange, openSocket, parseAnswers, sendRaw } from '../support/http-raw.ts';
import { until } from '../support/until.ts';

const CLIENTS = 200;
/** Short forms of the real limits; they are looked at once a second. */
const LIMITS = { headersTimeoutMs: 300, requestTimeoutMs: 600, keepAliveTimeoutMs: 300 };
const BIG = Buffer.alloc(20_000_000, 'x');

let app: HttpApp;
const sockets: Socket[] = [];
beforeEach(async () => {
  app = await startHttpApp({
    limits: LIMITS,
    routes: (express) => express.get('/big', (_req, res) => void res.type('text/plain').send(BIG)),
  });
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await app.close();
});

type Client = { said: () => string; closed: () => boolean };

async function openClients(first: string): Promise<Client[]> {
  return Promise.all(
    Array.from({ length: CLIENTS }, async () => {
      const socket = await openSocket(app.port);
      sockets.push(socket);
      let said = '';
      let closed = false;
      socket.on('data', (chunk) => {
        said += chunk.toString('latin1');
      });
      socket.on('error', () => {});
      socket.on('close', () => {
        closed = true;
      });
      socket.write(first);
      return { said: () => said, closed: () => closed };
    }),
  );
}

async function expectServing(): Promise<void> {
  expect((await sendRaw(app.port, { path: '/ok' })).status).toBe(200);
}

describe('e-slow clients', () => {
  it('e-1 200 that never finish their headers are cut with 408, and hold nobody up', async () => {
    const clients = await openClients('GET /ok HTTP/1.1\r\nHost: localhost\r\nX-Slow: ');
    await expectServing();
    await until(() => clients.every(({ closed }) => closed()), 5_000);
    expect(parseAnswers(Buffer.from(clients[0]?.said() ?? ''))).toMatchObject([{ status: 408 }]);
  });

  it('e-2 200 that never finish their bodies are cut with 408', async () => {
    const clients = await openClients(
      'POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"a":',
    );
    await expectServing();
    await until(() => clients.every(({ closed }) => closed()), 5_000);
    expect(clients[0]?.said()).toMatch(/^(HTTP\/1.1 (408|400) |$)/);
  });

  it('e-3 200 idle connections are let go', async () => {
    const clients = await openClients('GET /ok HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await until(() => clients.every(({ said }) => said().includes('200 OK')));
    await expectServing();
    await until(() => clients.every(({ closed }) => closed()), 5_000);
  });

  it('e-4 a reader that does not read is let go, one that does gets everything', async () => {
    app.server.timeout = 700;
    const socket = await openSocket(app.port);
    sockets.push(socket);
    socket.on('error', () => {});
    socket.pause();
    socket.write('GET /big HTTP/1.1\r\nHost: localhost\r\n\r\n');
    const held = () =>
      new Promise<number>((resolve, reject) =>
        app.server.getConnections((error, count) => (error ? reject(error) : resolve(count))),
      );
    await until(async () => (await held()) === 1);
    await expectServing();
    await until(async () => (await held()) === 0, 5_000);
    const [answer] = await exchange(
      app.port,
      'GET /big HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n',
    );
    expect(answer?.body.length).toBe(BIG.length);
  });
});
