import { Agent, request } from 'node:http';
import { afterEach, describe, expect, it } from '@jest/globals';
import { type HttpApp, startHttpApp } from '../support/http-app.ts';
import { exchange, openSocket, sendRaw } from '../support/http-raw.ts';
import { startStopwatch } from '../support/stopwatch.ts';
import { until } from '../support/until.ts';

const CLIENTS = 50;

let app: HttpApp;
afterEach(() => app.close());

/** A server whose slow route answers when the test says so. */
async function startSlow(options: Parameters<typeof startHttpApp>[0] = {}) {
  const gate = Promise.withResolvers<void>();
  let underWay = 0;
  app = await startHttpApp({
    ...options,
    routes: (express) =>
      express.get('/slow', async (_req, res) => {
        underWay += 1;
        await gate.promise;
        res.json({ done: true });
      }),
  });
  return { open: gate.resolve, underWay: () => underWay };
}

function ask(
  agent: Agent,
  path: string,
): Promise<{ status: number; connection: string | undefined; body: string }> {
  return new Promise((resolve, reject) => {
    const asked = request({ port: app.port, host: '127.0.0.1', path, agent }, (res) => {
      let body = '';
      res.on('data', (chunk) => {
        body += chunk;
      });
      res.on('end', () => resolve({ status: res.statusCode ?? 0, connection: res.headers.connection, body }));
      res.on('error', reject);
    });
    asked.on('error', reject);
    asked.end();
  });
}

describe('e-shutdown', () => {
  it('e-41 50 requests under way are all answered, and told to close', async () => {
    const events: string[] = [];
    const slow = await startSlow({ onClosing: () => events.push('not ready') });
    const agent = new Agent({ keepAlive: true });
    const answers = Array.from({ length: CLIENTS }, () => ask(agent, '/slow'));
    await until(() => slow.underWay() === CLIENTS);
    const waitedMs = startStopwatch();
    const closed = app.graceful.close().then(() => events.push('closed'));
    expect(events).toEqual(['not ready']);
    slow.open();
    for (const answer of await Promise.all(answers)) {
      expect(answer).toMatchObject({ status: 200, connection: 'close', body: '{"done":true}' });
    }
    await closed;
    expect(waitedMs()).toBeLessThan(2_000);
    await expect(sendRaw(app.port, { path: '/ok' })).rejects.toThrow();
    agent.destroy();
  });

  it('e-42 50 idle connections do not hold it up', async () => {
    await startSlow();
    const agent = new Agent({ keepAlive: true });
    await Promise.all(Array.from({ length: CLIENTS }, () => ask(agent, '/ok')));
    const waitedMs = startStopwatch();
    await app.graceful.close();
    expect(waitedMs()).toBeLessThan(1_000);
    agent.destroy();
  });

  it('what has arrived on idle connections, and was not read yet, is answered as well', async () => {
    const slow = await startSlow();
    const sockets = await Promise.all(Array.from({ length: CLIENTS }, () => openSocket(app.port)));
    const said = sockets.map(() => '');
    for (const [n, socket] of sockets.entries()) {
      socket.on('data', (chunk) => {
        said[n] = `${said[n]}${chunk}`;
      });
    }
    const line = (path: string) => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
    for (const socket of sockets) socket.write(line('/ok'));
    await until(() => said.every((text) => text.includes(' 200 ')));

    // Written and closed in one breath: the server has had no turn in between.
    for (const socket of sockets) socket.write(line('/slow'));
    const closed = app.graceful.close();
    await until(() => slow.underWay() === CLIENTS);
    slow.open();
    await closed;
    await until(() => said.every((text) => text.includes('"done":true')));
    expect(said.every((text) => /Connection: close/i.test(text))).toBe(true);
  });

  it('e-43 a second call ends what is still under way', async () => {
    const slow = await startSlow();
    const hanging = exchange(app.port, 'GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await until(() => slow.underWay() === 1);
    const closed = app.graceful.close();
    void app.graceful.close();
    await closed;
    expect(await hanging.catch(() => [])).toEqual([]);
    slow.open();
  });

  it('what hangs is cut at the deadline', async () => {
    const slow = await startSlow({ forceAfterMs: 100 });
    const hanging = exchange(app.port, 'GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await until(() => slow.underWay() === 1);
    await app.graceful.close();
    expect(await hanging.catch(() => [])).toEqual([]);
    slow.open();
  });

  it('a request that is still being sent is answered and told to close', async () => {
    const slow = await startSlow();
    const socket = await openSocket(app.port);
    let said = '';
    socket.on('data', (chunk) => {
      said += chunk;
    });
    socket.write('GET /ok HTTP/1.1\r\nHost: loc');
    const other = exchange(app.port, 'GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await until(() => slow.underWay() === 1);
    const closed = app.graceful.close();
    socket.write('alhost\r\n\r\n');
    await until(() => said.includes('\r\n\r\n'));
    expect(said).toContain('Connection: close');
    slow.open();
    expect(await other).toMatchObject([{ status: 200 }]);
    await closed;
  });
});
