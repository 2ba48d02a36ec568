import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { RequestHandler } from 'express';
import { createBearerAuth, createOptionalAuth } from '../../src/auth/bearer-auth.ts';
import { requireAuth, requireMachine, requireScope, requireUser } from '../../src/auth/guards.ts';
import { setPrincipal } from '../../src/auth/principal.ts';
import { type ProbeApp, startProbeApp } from '../support/auth-app.ts';
import { type AuthHarness, startAuthHarness } from '../support/auth-harness.ts';
import { type RawAnswer, sendRaw } from '../support/http-raw.ts';

let harness: AuthHarness;
const apps: ProbeApp[] = [];
beforeEach(async () => {
  harness = await startAuthHarness();
});
afterEach(async () => {
  await Promise.all(apps.splice(0).map((app) => app.close()));
  await harness.close();
});

type Ask = (headers?: string[]) => Promise<RawAnswer & { runs: number }>;

async function protectedBy(...guards: RequestHandler[]): Promise<Ask> {
  const app = await startProbeApp(harness.verifier, { guards });
  apps.push(app);
  let asked = 0;
  return async (headers = []) => {
    asked += 1;
    const name = String(asked);
    const answer = await sendRaw(app.port, { path: `/probe/${name}`, headers });
    return { ...answer, runs: app.runs(name) };
  };
}

const bearer = (claims: Record<string, unknown> = {}) => [`Authorization: Bearer ${harness.token(claims)}`];
const machine = { sub: 'reporter0001', client_id: 'reporter0001' };

describe('optional authentication', () => {
  it('lets the anonymous and the known pass, and refuses a bad token', async () => {
    const ask = await protectedBy(createOptionalAuth(harness.verifier)());
    expect(await ask()).toMatchObject({ status: 200, runs: 1 });
    expect(await ask(bearer())).toMatchObject({ status: 200, runs: 1 });
    expect(await ask(bearer({ exp: 1 }))).toMatchObject({ status: 401, runs: 0 });
    expect(await ask(['Authorization: Basic YTpi'])).toMatchObject({ status: 401, runs: 0 });
    harness.issuer.fault = 'error';
    harness.clock.advance(3_600_000);
    expect(await ask(bearer())).toMatchObject({ status: 503, runs: 0 });
  });

  it('followed by requireAuth refuses the anonymous', async () => {
    const ask = await protectedBy(createOptionalAuth(harness.verifier)(), requireAuth());
    const refused = await ask();
    expect(refused).toMatchObject({ status: 401, runs: 0 });
    expect(refused.headers['www-authenticate']).toBe('Bearer realm="api"');
    expect(await ask(bearer())).toMatchObject({ status: 200, runs: 1 });
  });
});

describe('optional authentication behind a session', () => {
  const signedIn: RequestHandler = async (req, _res, next) => {
    setPrincipal(req, { ...(await harness.verifier.verify(harness.token({}))), via: 'session' });
    next();
  };

  it('lets the signed-in pass beside a scheme of somebody else, and refuses a bad token all the same', async () => {
    const ask = await protectedBy(signedIn, createOptionalAuth(harness.verifier)());
    expect(await ask(['Authorization: Basic YTpi'])).toMatchObject({ status: 200, runs: 1 });
    expect(await ask(bearer({ exp: 1 }))).toMatchObject({ status: 401, runs: 0 });
  });
});

describe('bearer authentication behind a step that found the caller already', () => {
  const found =
    (claims: Record<string, unknown> = {}): RequestHandler =>
    async (req, _res, next) => {
      setPrincipal(req, await harness.verifier.verify(harness.token(claims), { via: 'session' }));
      next();
    };

  it('asks for no token, takes one of the same caller, refuses one of somebody else', async () => {
    const ask = await protectedBy(found(), createBearerAuth(harness.verifier)());
    expect(await ask()).toMatchObject({ status: 200, runs: 1 });
    expect(await ask(bearer())).toMatchObject({ status: 200, runs: 1 });
    expect(await ask(bearer({ sub: 'bob000000001' }))).toMatchObject({ status: 400, runs: 0 });
    expect(await ask(bearer({ exp: 1 }))).toMatchObject({ status: 401, runs: 0 });
  });
});

describe('requireScope', () => {
  it('wants every one of them', async () => {
    const ask = await protectedBy(
      createBearerAuth(harness.verifier)(),
      requireScope('read:reports', 'write:reports'),
    );
    expect(await ask(bearer({ scope: 'write:reports x read:reports' }))).toMatchObject({
      status: 200,
      runs: 1,
    });
    const refused = await ask(bearer({ scope: 'read:reports' }));
    expect(refused).toMatchObject({ status: 403, runs: 0 });
    expect(refused.headers['www-authenticate']).toBe(
      'Bearer realm="api", error="insufficient_scope", scope="read:reports write:reports"',
    );
    expect(JSON.parse(refused.body)).toMatchObject({ code: 'insufficient_scope' });
    expect(await ask(bearer({ scope: 'read:reportswrite:reports' }))).toMatchObject({ status: 403, runs: 0 });
  });
});

describe('people and machines', () => {
  it('requireUser refuses a machine like anybody without a grant', async () => {
    const ask = await protectedBy(createBearerAuth(harness.verifier)(), requireUser());
    expect(await ask(bearer())).toMatchObject({ status: 200, runs: 1 });
    const refused = await ask(bearer(machine));
    expect(refused).toMatchObject({ status: 403, runs: 0 });
    expect(JSON.parse(refused.body)).toMatchObject({ code: 'permission_denied' });
  });

  it('requireMachine refuses a person', async () => {
    const ask = await protectedBy(createBearerAuth(harness.verifier)(), requireMachine());
    expect(await ask(bearer(machine))).toMatchObject({ status: 200, runs: 1 });
    expect(await ask(bearer())).toMatchObject({ status: 403, runs: 0 });
  });

  it.each([
    ['requireAuth', requireAuth()],
    ['requireScope', requireScope('read:reports')],
    ['requireUser', requireUser()],
    ['requireMachine', requireMachine()],
  ])('%s without any authentication step before it is 401', async (_name, guard) => {
    const ask = await protectedBy(guard);
    expect(await ask(bearer())).toMatchObject({ status: 401, runs: 0 });
  });

  it('have names, for stacks and the route census', () => {
    const names = [
      createBearerAuth(harness.verifier)(),
      createOptionalAuth(harness.verifier)(),
      requireAuth(),
      requireScope('x'),
      requireUser(),
      requireMachine(),
    ].map((guard) => guard.name);
    expect(names).toEqual([
      'bearerAuthentication',
      'optionalAuthentication',
      'authenticationGuard',
      'scopeGuard',
      'userGuard',
      'machineGuard',
    ]);
  });
});
