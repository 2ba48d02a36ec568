import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import express, { type Express, Router } from 'express';
import { methodGuard } from '../../src/http/method-guard.ts';
import { problemDetails } from '../../src/http/problem-details.ts';
import { closeServer, listen, silentLog } from '../support/auth-app.ts';
import { sendRaw } from '../support/http-raw.ts';

const closes: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(closes.splice(0).map((close) => close()));
});

async function serve(app: Express) {
  const server = createServer(app);
  await listen(server);
  closes.push(() => closeServer(server));
  const { port } = server.address() as AddressInfo;
  return (method: string, path: string) => sendRaw(port, { method, path });
}

describe('methodGuard', () => {
  it('reads routers in routers, parameters in their paths, and leaves the rest alone', async () => {
    const answer: express.RequestHandler = (req, res) => void res.json({ method: req.method });
    const inner = Router().get('/', answer).put('/:id', answer);
    const outer = Router().use('/reports', inner).delete('/reports/:id', answer).all('/any', answer);
    const app = express();
    app.use(methodGuard(app));
    app.use('/api/:tenant', outer);
    app.use('/', Router().post('/root', answer));
    app.use('/middleware', answer);
    app.use(problemDetails({ log: silentLog }));
    const ask = await serve(app);

    expect((await ask('PUT', '/api/acme/reports/7')).status).toBe(200);
    expect((await ask('DELETE', '/api/acme/reports/7')).status).toBe(200);
    expect(await ask('PATCH', '/api/acme/reports/7')).toMatchObject({
      status: 405,
      headers: { allow: 'DELETE, PUT' },
    });
    expect(await ask('OPTIONS', '/api/acme/reports')).toMatchObject({
      status: 405,
      headers: { allow: 'GET, HEAD' },
    });
    expect(await ask('GET', '/root')).toMatchObject({ status: 405, headers: { allow: 'POST' } });
    for (const method of ['GET', 'OPTIONS', 'BREW', 'PURGE']) {
      expect((await ask(method, '/api/acme/any')).status).toBe(method === 'BREW' ? 400 : 200);
    }
    expect((await ask('DELETE', '/middleware')).status).toBe(200);
    expect((await ask('GET', '/api/acme/reportsX')).status).toBe(404);
  });
});

describe('problemDetails without the steps that go before it', () => {
  it('names the request by itself, once', async () => {
    const app = express();
    app.get('/', () => {
      throw new Error('boom');
    });
    app.get('/foreign', () => {
      throw Object.assign(new Error('limits'), { type: 'entity.of.another.kind', expose: true, status: 418 });
    });
    app.use(problemDetails({ log: silentLog }));
    const ask = await serve(app);
    const answer = await ask('GET', '/');
    expect(answer.status).toBe(500);
    expect(JSON.parse(answer.body).instance).toBe(answer.headers['x-request-id']);
    expect(answer.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
    expect((await ask('GET', '/foreign')).status).toBe(500);
  });
});
