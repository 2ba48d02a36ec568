import { request as rawRequest } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import express from 'express';
import { type Control, createControl } from '../../../src/emulators/control/control.ts';
import { machineClock } from '../../../src/emulators/control/emulator-clock.ts';
import { type Listening, listenOnLoopback } from '../../../src/emulators/control/listen.ts';
import { notEmulated } from '../../../src/emulators/control/not-emulated.ts';

let control: Control;
let listening: Listening;
let url = '';
let acted = 0;
let resets = 0;

beforeEach(async () => {
  acted = 0;
  resets = 0;
  control = createControl({
    name: 'sample',
    state: () => ({ acted }),
    reset: () => {
      resets += 1;
    },
    clock: machineClock,
  });
  const app = express();
  app.use(control.guardHost, control.recordRequests, control.applyFaults, control.router);
  app.post('/things/:id', express.json(), (req, res) => {
    acted += 1;
    res.set('x-thing', 'yes').status(201).json({ id: req.params.id });
  });
  app.use(notEmulated);
  listening = await listenOnLoopback(app, 0);
  url = `http://127.0.0.1:${listening.port}`;
});
afterEach(async () => {
  control.close();
  await listening.close();
});

const post = (path: string, body: unknown = {}, headers: Record<string, string> = {}) =>
  fetch(url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });

/** fetch forbids `host` and `sec-fetch-*`. */
const raw = (path: string, headers: Record<string, string>, method = 'GET') =>
  new Promise<number | undefined>((resolve, reject) => {
    rawRequest(url + path, { headers, method }, (res) => resolve(res.resume().statusCode))
      .on('error', reject)
      .end();
  });

describe('who may call', () => {
  it.each(['localhost', '127.0.0.1:1234', '[::1]', 'app.localhost:80'])(
    'answers the host %s',
    async (host) => {
      expect(await raw('/_emulator/state', { host })).toBe(200);
    },
  );

  it.each(['evil.example', '127.0.0.1.evil.example', 'localhost.evil.example', 'localhost:0x50'])(
    'refuses the host %p everywhere',
    async (host) => {
      expect(await raw('/_emulator/state', { host })).toBe(421);
      expect(await raw('/things/1', { host }, 'POST')).toBe(421);
      expect(acted).toBe(0);
    },
  );

  it('refuses foreign origins and cross-site requests, and takes its own origin', async () => {
    expect((await post('/_emulator/reset', {}, { origin: 'http://evil.example' })).status).toBe(403);
    expect((await post('/_emulator/reset', {}, { origin: 'null' })).status).toBe(403);
    expect(await raw('/_emulator/state', { 'sec-fetch-site': 'cross-site' })).toBe(403);
    expect(resets).toBe(0);
    expect((await post('/_emulator/reset', {}, { origin: url })).status).toBe(200);
    expect(resets).toBe(1);
  });

  it('refuses writes that a plain form could send', async () => {
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data'])
      expect((await post('/_emulator/reset', {}, { 'content-type': type })).status).toBe(415);
    expect((await fetch(`${url}/_emulator/reset`, { method: 'POST' })).status).toBe(415);
    expect(resets).toBe(0);
  });
});

describe('faults', () => {
  const arm = (rule: unknown) => post('/_emulator/faults', rule);

  it('answer in place of the route, as often as asked', async () => {
    await arm({
      match: { method: 'post', path: '/things/*' },
      status: 503,
      headers: { 'retry-after': '7' },
      body: { no: true },
      times: 2,
    });
    for (let n = 0; n < 2; n += 1) {
      const answer = await post('/things/1');
      expect([answer.status, answer.headers.get('retry-after'), await answer.json()]).toEqual([
        503,
        '7',
        { no: true },
      ]);
    }
    expect(acted).toBe(0);
    expect((await post('/things/1')).status).toBe(201);
    expect(acted).toBe(1);
  });

  it('match method and path, and leave the control endpoints alone', async () => {
    await arm({ match: { path: '/things/:id' }, status: 500 });
    await arm({ match: { method: 'GET' }, status: 500 });
    expect((await post('/things/1/more')).status).toBe(501);
    expect((await post('/things/1')).status).toBe(500);
    expect((await fetch(`${url}/_emulator/state`)).status).toBe(200);
    expect((await fetch(`${url}/_emulator/faults`, { method: 'DELETE' })).status).toBe(204);
    expect((await post('/things/1')).status).toBe(201);
  });

  it('hang, reset the connection, delay, and send raw bodies', async () => {
    await arm({ match: {}, hang: true, times: 1 });
    await expect(fetch(`${url}/things/1`, { signal: AbortSignal.timeout(150) })).rejects.toThrow('timeout');
    await arm({ match: {}, reset: true, times: 1 });
    await expect(post('/things/1')).rejects.toThrow('fetch failed');
    expect(acted).toBe(0);

    await arm({ match: {}, delayMs: 60, times: 1 });
    const startedAt = performance.now();
    expect((await post('/things/1')).status).toBe(201);
    expect(performance.now() - startedAt).toBeGreaterThan(50);

    await arm({ match: {}, body: '{"cut', times: 1 });
    expect(await (await post('/things/1')).text()).toBe('{"cut');
  });

  it('can strike after the request has acted', async () => {
    await arm({ match: {}, afterwards: true, status: 502, body: { lost: true }, times: 1 });
    const answer = await post('/things/1');
    expect([answer.status, answer.headers.get('x-thing'), await answer.json()]).toEqual([
      502,
      null,
      { lost: true },
    ]);
    expect(acted).toBe(1);
    await arm({ match: {}, afterwards: true, reset: true, times: 1 });
    await expect(post('/things/1')).rejects.toThrow('fetch failed');
    expect(acted).toBe(2);
  });

  it('are refused when they are not understood', async () => {
    const answer = await arm({ match: { pfad: '/x' }, status: 'no' });
    expect(answer.status).toBe(400);
    const { errors } = (await answer.json()) as { errors: { path: string }[] };
    expect(errors.map((error) => error.path).sort()).toEqual(['match', 'status']);
  });

  it('are refused with headers that could not be sent, and delayed with others', async () => {
    const headers = { 'bad name': '1', 'x-value': 'a\nb', 'x-fine': '1' };
    const refused = await arm({ match: {}, status: 503, delayMs: 5, headers });
    const { errors } = (await refused.json()) as { errors: { path: string }[] };
    expect(errors.map((error) => error.path)).toEqual(['headers.bad name', 'headers.x-value']);
    expect((await post('/things/1')).status).toBe(201);

    expect((await arm({ match: {}, status: 503, delayMs: 5, headers: { 'x-fine': '1' } })).status).toBe(201);
    expect((await post('/things/1')).headers.get('x-fine')).toBe('1');
  });
});

describe('clock, requests, reset', () => {
  it('moves the clock, also for the request log', async () => {
    const answer = await post('/_emulator/clock', { offsetSeconds: 86_400 });
    expect(answer.status).toBe(200);
    expect(Math.round((control.clock.now() - Date.now()) / 1000)).toBe(86_400);
    expect((await post('/_emulator/clock', { offsetSeconds: '1' })).status).toBe(400);
    for (const offsetSeconds of [1e15, -1e15]) {
      expect((await post('/_emulator/clock', { offsetSeconds })).status).toBe(400);
    }
    expect((await post('/things/1')).status).toBe(201);
    expect(control.clock.offsetSeconds()).toBe(86_400);
  });

  it('lists what was asked, newest first, without usable credentials', async () => {
    await post('/things/1', { a: 1 }, { authorization: 'Bearer secret-token-abcdef' });
    await post('/nothing');
    const [second, first] = (await (await fetch(`${url}/_emulator/requests`)).json()) as Record<
      string,
      unknown
    >[];
    expect(first).toMatchObject({ method: 'POST', path: '/things/1', status: 201, body: { a: 1 } });
    expect(first?.headers).toMatchObject({ authorization: 'Bearer …abcdef' });
    expect(second).toMatchObject({ path: '/nothing', status: 501 });
  });

  it('survives a body that cannot be written, and keeps a query whole', async () => {
    const send = (body: string) =>
      fetch(`${url}/things/1?a=1?2`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
      });
    expect((await send(`${'['.repeat(6000)}${']'.repeat(6000)}`)).status).toBe(201);
    expect((await send('[[]]')).status).toBe(201);
    const [written, deep] = control.requests();
    expect(deep).toMatchObject({ path: '/things/1', query: 'a=1?2', status: 201, body: '…' });
    expect(written).toMatchObject({ body: [[]] });
  });

  it('keeps the newest 500 requests', async () => {
    for (let n = 0; n < 510; n += 1) await post(`/things/${n}`);
    const log = control.requests();
    expect(log).toHaveLength(500);
    expect(log[0]?.path).toBe('/things/509');
  });

  it('resets faults, clock and log with the emulator', async () => {
    await post('/_emulator/faults', { match: {}, status: 500 });
    await post('/_emulator/clock', { offsetSeconds: 60 });
    await post('/_emulator/reset');
    const state = await (await fetch(`${url}/_emulator/state`)).json();
    expect(state).toMatchObject({ emulator: 'sample', faults: [], offsetSeconds: 0, acted: 0 });
    expect(resets).toBe(1);
    expect(control.requests()).toEqual([]);
  });

  it('says 501 to what it does not have', async () => {
    const answer = await fetch(`${url}/_emulator/nothing`);
    expect([answer.status, await answer.json()]).toEqual([
      501,
      expect.objectContaining({ code: 'not_emulated' }),
    ]);
  });
});
