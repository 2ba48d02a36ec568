import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach, expect, test } from '@jest/globals';
import { systemClock } from '../../src/clock.ts';
import { createDirectory } from '../../src/permit/directory.ts';

let close = async () => {};
afterEach(() => close());

const SCOPE = { organization_id: 'o', project_id: 'p', environment_id: 'e' };

/** A directory that gives the scope and cuts the connection of the first `cuts` calls after it. */
async function directoryThatCuts(cuts: number, how: { onFresh: boolean }) {
  const calls: { path: string; reused: boolean }[] = [];
  const seen = new WeakSet<Socket>();
  let cut = 0;
  const server = createServer((req: IncomingMessage, res: ServerResponse) => {
    const reused = seen.has(req.socket);
    seen.add(req.socket);
    const answer = (body: unknown) => {
      if (how.onFresh) res.setHeader('connection', 'close');
      res.setHeader('content-type', 'application/json').end(JSON.stringify(body));
    };
    if (req.url?.endsWith('/scope')) return answer(SCOPE);
    calls.push({ path: String(req.url), reused });
    if (cut < cuts) {
      cut += 1;
      req.socket.resetAndDestroy();
      return;
    }
    answer({ key: 'u1', email: 'u1@example.com' });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  close = async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  };
  const apiUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { calls, directory: createDirectory({ apiKey: 'key', apiUrl, clock: systemClock }) };
}

test('a connection that was closed while it rested is no outage: the call goes out on a new one', async () => {
  const { calls, directory } = await directoryThatCuts(1, { onFresh: false });
  await expect(directory.getUser('u1')).resolves.toEqual({ key: 'u1', email: 'u1@example.com' });
  expect(calls.map((call) => call.reused)).toEqual([true, false]);
});

test('a new connection that is cut is an outage, and the call is not repeated', async () => {
  const { calls, directory } = await directoryThatCuts(1, { onFresh: true });
  await expect(directory.getUser('u1')).rejects.toMatchObject({ kind: 'unavailable' });
  expect(calls.map((call) => call.reused)).toEqual([false]);
});

test('a server that cuts every connection is asked once on each kind and then given up', async () => {
  const { calls, directory } = await directoryThatCuts(9, { onFresh: false });
  await expect(directory.getUser('u1')).rejects.toMatchObject({ kind: 'unavailable' });
  expect(calls.map((call) => call.reused)).toEqual([true, false]);
});
