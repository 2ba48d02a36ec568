import { describe, expect, it } from '@jest/globals';
import express from 'express';
import { pino } from 'pino';
import request from 'supertest';
import { demoSeed, type Seed } from '../../src/emulators/seed.ts';
import { gateMigrations } from '../../src/gate/gate-migrations.ts';
import {
  ConfigurationError,
  createGate,
  definePolicy,
  problemDetails,
  UpstreamUnavailable,
} from '../../src/index.ts';
import { startEmulators } from '../../src/testing.ts';
import { openTestDatabase } from '../support/database.ts';
import { until } from '../support/until.ts';

const policy = definePolicy({
  resources: { notes: { actions: ['read', 'write'] } },
  roles: { viewer: ['notes:read'] },
});
const log = pino({ level: 'silent' });
const settings = {
  logto: { endpoint: 'http://127.0.0.1:1', apiResource: 'http://localhost:3000/api' },
  permit: { apiKey: 'permit_key_x', pdpUrl: 'http://127.0.0.1:1', apiUrl: 'http://127.0.0.1:1' },
  policy,
  log,
};

describe('createGate', () => {
  it('opens nothing before the start: an application can be put together anywhere', () => {
    const gate = createGate({ ...settings, database: { url: 'postgres://nobody@127.0.0.1:1/none' } });
    const { bearerAuth, session, requireAuth, requirePermission } = gate;
    const app = express();
    gate.watchRoutes(app);
    app.get(
      '/notes',
      session(),
      bearerAuth(),
      requireAuth(),
      requirePermission('read', 'notes'),
      (_req, res) => {
        res.end();
      },
    );
    gate.assertGuarded(app);
  });

  it('knows the policy at compile time and when guards are made', () => {
    const { requirePermission } = createGate({ ...settings, database: {} });
    // @ts-expect-error a misspelt action does not compile
    expect(() => requirePermission('raed', 'notes')).toThrow(ConfigurationError);
    // @ts-expect-error neither does a resource that the policy lacks
    expect(() => requirePermission('read', 'reports')).toThrow(ConfigurationError);
  });

  it('has no webhooks without a signing key', () => {
    const gate = createGate({ ...settings, database: {} });
    expect(() => gate.webhooks()).toThrow(/LOGTO_WEBHOOK_SIGNING_KEYS/);
  });

  it('has a default role that the policy has, or says so before anybody registers', () => {
    const other = definePolicy({
      resources: { notes: { actions: ['read'] } },
      roles: { staff: ['notes:read'], boss: ['notes:read'] },
    });
    const make = (permit: { defaultRole?: string; readOnly?: boolean }) =>
      createGate({ ...settings, policy: other, permit: { ...settings.permit, ...permit }, database: {} });
    expect(() => make({})).toThrow(/permit.defaultRole "viewer" is no role of the policy \(staff, boss\)/);
    expect(() => make({ defaultRole: 'staff' })).not.toThrow();
    // Nobody is given any.
    expect(() => make({ readOnly: true })).not.toThrow();
  });

  it('names every mistake of the session settings', () => {
    const logto = { ...settings.logto, app: { id: 'a', secret: 'b' } };
    const make = () =>
      createGate({
        ...settings,
        logto,
        database: {},
        baseUrl: 'http://app.example',
        sessionSecrets: ['short'],
      });
    expect(make).toThrow(/BASE_URL[\s\S]*SESSION_SECRETS/);
  });

  it('refuses plain http to another machine', () => {
    const logto = { ...settings.logto, endpoint: 'http://logto.example' };
    expect(() => createGate({ ...settings, logto, database: {} })).toThrow(ConfigurationError);
    expect(() =>
      createGate({ ...settings, logto, database: {}, insecureHosts: ['logto.example'] }),
    ).not.toThrow();
    const permit = { ...settings.permit, pdpUrl: 'http://pdp.example', apiUrl: 'http://api.example' };
    expect(() => createGate({ ...settings, permit, database: {} })).toThrow(/pdpUrl[\s\S]*apiUrl/);
    const insecureHosts = ['pdp.example', 'api.example'];
    expect(() => createGate({ ...settings, permit, database: {}, insecureHosts })).not.toThrow();
  });

  it('is not ready before it is, and closes in order', async () => {
    const emulators = await startEmulators({
      policy,
    });
    const database = await openTestDatabase([...gateMigrations]);
    // As a console shows it: with a slash at the end, which no issuer has.
    const logto = { ...emulators.gate.logto, endpoint: `${emulators.gate.logto.endpoint}/` };
    const gate = createGate({ ...emulators.gate, logto, policy, database, log });
    const app = express();
    app.get('/readyz', gate.health.readyz);
    app.get('/notes', gate.bearerAuth(), gate.requirePermission('read', 'notes'), (_req, res) => {
      res.json({});
    });
    app.use(problemDetails({ log }));
    expect((await request(app).get('/readyz')).body).toMatchObject({
      status: 503,
      checks: { migrations: 'down' },
    });
    const as = async () =>
      request(app)
        .get('/notes')
        .auth(await emulators.tokenFor('carol'), { type: 'bearer' });
    // Who is revoked cannot be known before the database is open.
    expect((await as()).status).toBe(503);
    await gate.start();
    expect((await request(app).get('/readyz')).status).toBe(200);
    expect((await as()).status).toBe(200);
    // The probe is public: a crowd of them is one question.
    let [pings, arrived] = [0, 0];
    const { query } = database;
    const allThere = Promise.withResolvers<void>();
    database.query = async (sql, parameters) => {
      if (sql === 'select 1') {
        pings += 1;
        await allThere.promise;
      }
      return query(sql, parameters);
    };
    const server = app.listen(0, '127.0.0.1');
    server.on('request', () => {
      arrived += 1;
      if (arrived === 5) allThere.resolve();
    });
    const crowd = await Promise.all(Array.from({ length: 5 }, () => request(server).get('/readyz')));
    server.close();
    expect([crowd.map(({ status }) => status), pings]).toEqual([[200, 200, 200, 200, 200], 1]);
    await gate.stop();
    await gate.stop();
    expect((await request(app).get('/readyz')).status).toBe(503);
    await database.close();
    await emulators.close();
  });

  it('is not started again once it has stopped or could not start: it would be ready and decide nothing', async () => {
    const emulators = await startEmulators({ policy });
    const stopped = createGate({ ...emulators.gate, policy, log });
    await stopped.start();
    await stopped.stop();
    await expect(stopped.start()).rejects.toThrow(/make a new one/);

    const database = await openTestDatabase([...gateMigrations]);
    const { transaction } = database;
    database.transaction = async () => {
      throw new UpstreamUnavailable('database', 'a blip');
    };
    const failed = createGate({ ...emulators.gate, policy, database, log });
    await expect(failed.start()).rejects.toThrow(/a blip/);
    database.transaction = transaction;
    await expect(failed.start()).rejects.toThrow(/make a new one/);
    await database.close();
    await emulators.close();
  });

  it('has the credentials of a seed’s own applications, and none of others', async () => {
    const own = { id: 'machine00000000000000', name: 'Mine', secret: 's', type: 'MachineToMachine' } as const;
    let known: unknown[] = [];
    const credentials = async (applications: Seed['applications']) => {
      const emulators = await startEmulators({ policy, seed: { ...demoSeed, applications } });
      known = (emulators.logto.state() as { applications: unknown[] }).applications;
      await emulators.close();
      const { app, management } = emulators.gate.logto;
      return [app?.id, management?.appId];
    };
    expect(await credentials(demoSeed.applications)).toEqual([
      'webapp00000000000000a',
      'management0000000000a',
    ]);
    expect(await credentials([own])).toEqual([undefined, undefined]);
    const web = { ...own, id: 'site00000000000000000', type: 'Traditional' } as const;
    expect(await credentials([{ ...web, redirectUris: ['https://site.example/back'] }])).toEqual([
      web.id,
      undefined,
    ]);
    expect(known).toMatchObject([
      {
        redirectUris: [
          'https://site.example/back',
          expect.stringMatching(/^http.*\/logto\/sign-in-callback$/),
        ],
      },
    ]);
    expect(await credentials([{ ...own, managementApi: true }])).toEqual([undefined, own.id]);
  });

  it('a testing door that cannot start leaves nothing open', async () => {
    const servers = () => process.getActiveResourcesInfo().filter((name) => name === 'TCPServerWrap').length;
    const before = servers();
    const unusable = { ...demoSeed, hooks: undefined } as unknown as Seed;
    await expect(startEmulators({ policy, seed: unusable })).rejects.toThrow();
    await until(() => servers() === before);
  });

  it('writes nothing to Permit when it is told so', async () => {
    const emulators = await startEmulators({
      policy,
    });
    const database = await openTestDatabase([...gateMigrations]);
    const { permit } = emulators.gate;
    const gate = createGate({
      ...emulators.gate,
      permit: { ...permit, readOnly: true },
      policy,
      database,
      log,
    });
    const app = express();
    app.use('/api/webhooks/logto', gate.webhooks());
    app.get('/notes', gate.bearerAuth(), gate.requirePermission('read', 'notes'), (_req, res) => {
      res.json({});
    });
    app.use(problemDetails({ log }));
    emulators.deliverTo(app);
    await gate.start();
    const requests = async () =>
      (await (await fetch(`${emulators.permit.url}/_emulator/requests`)).json()) as {
        method: string;
        path: string;
      }[];
    const [delivery] = await emulators.sendWebhook({ event: 'User.Data.Updated', user: 'carol' });
    expect(delivery?.attempts[0]?.status).toBe(200);
    expect(
      (
        await request(app)
          .get('/notes')
          .auth(await emulators.tokenFor('carol'), { type: 'bearer' })
      ).status,
    ).toBe(200);
    expect(
      (
        await request(app)
          .get('/notes')
          .auth(await emulators.tokenFor('mallory'), { type: 'bearer' })
      ).status,
    ).toBe(403);
    await expect(gate.directory.syncUser({ key: 'x' })).rejects.toThrow(
      expect.objectContaining({ status: 503 }),
    );
    const writes = (await requests()).filter(
      ({ method, path }) => method !== 'GET' && path.startsWith('/v2/'),
    );
    expect(writes).toEqual([]);
    expect((await requests()).some(({ path }) => path.startsWith('/allowed'))).toBe(true);
    await gate.stop();
    await database.close();
    await emulators.close();
  });
});
