import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Router } from 'express';
import { Counter, Registry } from 'prom-client';
import { type HealthCheck, health } from '../../src/http/health.ts';
import { createMetricsServer, metricsRoute } from '../../src/http/metrics-route.ts';
import { requestLog } from '../../src/http/request-log.ts';
import { closeServer, listen, silentLog } from '../support/auth-app.ts';
import { type HttpApp, startHttpApp } from '../support/http-app.ts';
import { sendRaw } from '../support/http-raw.ts';

const apps: HttpApp[] = [];
afterEach(async () => {
  await Promise.all(apps.splice(0).map((app) => app.close()));
});

async function startWith(checks: Record<string, HealthCheck>) {
  const probes = health({ checks });
  const app = await startHttpApp({
    routes: (express) => express.get('/livez', probes.livez).get('/readyz', probes.readyz),
  });
  apps.push(app);
  const ask = async (path: string) => {
    const answer = await sendRaw(app.port, { path });
    return { status: answer.status, headers: answer.headers, body: JSON.parse(answer.body) };
  };
  return { ask, probes };
}

describe('health', () => {
  it('names every check, and is ready while the required ones are', async () => {
    const { ask } = await startWith({
      database: { required: true, state: () => 'ok' },
      keySet: { state: () => Promise.resolve('ok' as const) },
    });
    expect(await ask('/readyz')).toMatchObject({
      status: 200,
      body: { status: 'ok', checks: { database: 'ok', keySet: 'ok' } },
    });
    expect(await ask('/livez')).toMatchObject({ status: 200, body: { status: 'ok' } });
  });

  it('an outage of what every instance shares is degraded, not dead', async () => {
    const { ask } = await startWith({
      database: { required: true, state: () => 'ok' },
      keySet: { state: () => 'down' },
      pdp: { state: () => Promise.reject(new Error('refused')) },
      backlog: { state: () => 'degraded' },
    });
    expect(await ask('/readyz')).toMatchObject({
      status: 200,
      body: {
        status: 'degraded',
        checks: { database: 'ok', keySet: 'degraded', pdp: 'degraded', backlog: 'degraded' },
      },
    });
  });

  it.each<[string, HealthCheck['state']]>([
    ['says so', () => 'down'],
    [
      'throws',
      () => {
        throw new Error('refused');
      },
    ],
    ['does not answer', () => new Promise(() => {})],
  ])('is not ready when a required one %s; alive all the same', async (_title, state) => {
    const { ask } = await startWith({ database: { required: true, state }, pdp: { state: () => 'ok' } });
    const answer = await ask('/readyz');
    expect(answer).toMatchObject({
      status: 503,
      body: { status: 503, code: 'upstream_unavailable', checks: { database: 'down', pdp: 'ok' } },
    });
    expect(answer.headers['retry-after']).toBe('1');
    expect(answer.headers['content-type']).toMatch(/problem\+json/);
    expect((await ask('/livez')).status).toBe(200);
  });

  it('is not ready once it is closing', async () => {
    const { ask, probes } = await startWith({ database: { required: true, state: () => 'ok' } });
    expect((await ask('/readyz')).status).toBe(200);
    probes.startClosing();
    expect(await ask('/readyz')).toMatchObject({
      status: 503,
      body: { checks: { database: 'ok', server: 'closing' } },
    });
    expect((await ask('/livez')).status).toBe(200);
  });
});

describe('metrics', () => {
  const registryWith = () => {
    const registry = new Registry();
    new Counter({ name: 'elp_example_total', help: 'example', registers: [registry] }).inc();
    return registry;
  };

  it('are a route, with requests counted by pattern', async () => {
    const registry = registryWith();
    const app = await startHttpApp({
      routes(express) {
        express.use(requestLog({ log: silentLog, metrics: registry }));
        express.get('/items/:id', (_req, res) => void res.json({}));
        express.get('/metrics', metricsRoute(registry));
      },
    });
    apps.push(app);
    await sendRaw(app.port, { path: '/items/7' });
    await sendRaw(app.port, { path: '/nowhere/7' });
    const answer = await sendRaw(app.port, { path: '/metrics' });
    expect(answer.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(answer.body).toContain('elp_example_total 1');
    expect(answer.body).toContain(
      'elp_http_request_duration_seconds_count{method="GET",route="/items/:id",status="200"} 1',
    );
    expect(answer.body).toContain('route="none",status="404"');
    expect(answer.body).not.toContain('nowhere');
  });

  it('grow to a limit where a mount has a parameter, which is the caller’s own text', async () => {
    const registry = registryWith();
    const app = await startHttpApp({
      routes(express) {
        express.use(requestLog({ log: silentLog, metrics: registry }));
        const notes = Router();
        notes.get('/notes', (_req, res) => void res.json({}));
        express.use('/t/:tenant', notes);
        express.get('/metrics', metricsRoute(registry));
      },
    });
    apps.push(app);
    for (let i = 0; i < 520; i += 1) await fetch(`${app.url}/t/x${i}/notes`).then((answer) => answer.text());
    const { body } = await sendRaw(app.port, { path: '/metrics' });
    expect(body.match(/_count\{method="GET",route="\/t\/x/g)).toHaveLength(500);
    expect(body).toContain('_count{method="GET",route="other",status="200"} 20');
  });

  it('have a port of their own that answers nothing else', async () => {
    const registry = registryWith();
    const server = createMetricsServer(registry);
    await listen(server);
    const { port } = server.address() as AddressInfo;
    expect((await sendRaw(port, { path: '/metrics' })).body).toContain('elp_example_total 1');
    expect((await sendRaw(port, { path: '/' })).status).toBe(404);
    expect((await sendRaw(port, { path: '/metrics', method: 'POST' })).status).toBe(404);
    registry.metrics = () => Promise.reject(new Error('broken'));
    expect((await sendRaw(port, { path: '/metrics' })).status).toBe(500);
    await closeServer(server);
  });
});
