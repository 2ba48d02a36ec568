import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose';
import { type LogtoEmulator, startLogtoEmulator } from '../../../src/emulators/logto/emulator.ts';
import { type ChildProcess, spawn } from '../../support/child-process.ts';
import { openBrowser, registerAs } from '../../support/logto-browser.ts';
import { createCodeFlow } from '../../support/logto-code-flow.ts';
import { createManagementCaller, type ManagementCaller } from '../../support/logto-management-caller.ts';
import { until } from '../../support/until.ts';

const source = join(import.meta.dirname, '../../../src/emulators/logto/emulator.ts');
let dataDir = '';
let child: ChildProcess | undefined;
let silent: Server;
const waiting: string[] = [];

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'logto-'));
  // Takes every webhook and never answers.
  silent = createServer((req) => void req.on('data', (chunk) => waiting.push(String(chunk))));
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  child?.kill('SIGKILL');
  silent.close();
  silent.closeAllConnections();
  await rm(dataDir, { recursive: true, force: true });
});

async function startChild(webhookUrl: string): Promise<string> {
  const script = `
    import { startLogtoEmulator } from ${JSON.stringify(source)};
    const logto = await startLogtoEmulator(${JSON.stringify({ dataDir, webhookUrl })});
    console.log(logto.url);`;
  child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', script],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const [line] = (await once(child.stdout as NodeJS.ReadableStream, 'data')) as [Buffer];
  return line.toString().trim();
}

describe('kill -9', () => {
  it('takes nothing away: people, keys, sessions, tokens, and the webhook that was on its way', async () => {
    const silentUrl = `http://127.0.0.1:${(silent.address() as AddressInfo).port}/`;
    const url = await startChild(silentUrl);
    const flow = createCodeFlow({ url } as LogtoEmulator);
    const browser = openBrowser(url);
    const back = await registerAs(browser, flow.authorizationUrl({ first_screen: 'register' }), {
      username: 'zoe',
      email: 'zoe@example.com',
    });
    const tokens = await flow.redeem(new URL(back).searchParams.get('code') ?? '');
    const jwt = await flow.refresh(tokens.body.refresh_token ?? '', {
      resource: 'http://localhost:3000/api',
    });
    await until(() => waiting.length === 2);

    child?.kill('SIGKILL');
    await once(child as ChildProcess, 'exit');

    silent.on('request', (_req, res) => res.end('{}'));

    const again = await startLogtoEmulator({ dataDir, webhookUrl: silentUrl, publicUrl: url });
    const here = `http://localhost:${again.port}`;
    const onward = createCodeFlow({ url: here } as LogtoEmulator);
    try {
      const jwks = (await (await fetch(`${here}/oidc/jwks`)).json()) as JSONWebKeySet;
      await jwtVerify(jwt.body.access_token ?? '', createLocalJWKSet(jwks), { issuer: `${url}/oidc` });
      expect((await onward.refresh(tokens.body.refresh_token ?? '')).status).toBe(200);

      // The browser is still signed in: no page, a code at once.
      const cookies = [...browser.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
      const sso = await fetch(onward.authorizationUrl({ prompt: '' }), {
        headers: { cookie: cookies },
        redirect: 'manual',
      });
      expect(new URL(sso.headers.get('location') ?? 'none:').searchParams.has('code')).toBe(true);

      await until(() => again.deliveries().every(({ status }) => status === 'delivered'));
      expect(again.deliveries().map(({ event }) => event)).toEqual(['PostRegister', 'User.Created']);

      // Deleting the state is the reset: the seed is back, the keys are the same.
      await again.reset();
      expect((await onward.refresh(tokens.body.refresh_token ?? '')).status).toBe(400);
      expect(await (await fetch(`${here}/oidc/jwks`)).json()).toEqual(jwks);
    } finally {
      await again.close();
    }
  });

  it('a second process is refused, the next one is not', async () => {
    const first = await startLogtoEmulator({ dataDir });
    await expect(startLogtoEmulator({ dataDir })).rejects.toThrow('in use by another process');
    await first.close();
    await (await startLogtoEmulator({ dataDir })).close();
  });

  it('what the configuration says is renewed at a start, what people did is kept', async () => {
    const first = await startLogtoEmulator({ dataDir, webhookUrl: 'http://127.0.0.1:9/old' });
    const before = (first.state() as { hooks: { signingKey: string }[] }).hooks[0];
    await first.close();
    const second = await startLogtoEmulator({ dataDir, webhookUrl: 'http://127.0.0.1:9/new' });
    const after = (second.state() as { hooks: { signingKey: string; config: { url: string } }[] }).hooks[0];
    expect(after).toMatchObject({
      signingKey: before?.signingKey,
      config: { url: 'http://127.0.0.1:9/new' },
    });
    await second.close();
  });

  it('an API resource that is new in the configuration joins at a start, with the roles’ share of its scopes', async () => {
    const resource = 'http://localhost:4000/api';
    const first = await startLogtoEmulator({ dataDir });
    const caller = await createManagementCaller(first);
    const listed = async (call: ManagementCaller) =>
      ((await call('GET', '/api/resources')).body as { indicator: string }[]).map(
        ({ indicator }) => indicator,
      );
    const before = await listed(caller);
    await caller('PATCH', '/api/users/bob000000000', { name: 'Renamed' });
    await first.close();

    const second = await startLogtoEmulator({ dataDir, apiResource: resource });
    const call = await createManagementCaller(second);
    expect((await listed(call)).toSorted()).toEqual([...before, resource].toSorted());
    const flow = createCodeFlow(second);
    const machine = await flow.token(
      { grant_type: 'client_credentials', resource, scope: 'read:reports write:reports' },
      ['reporter000000000000a', 'reporter-secret'],
    );
    expect([machine.status, machine.body.scope]).toEqual([200, 'read:reports']);
    for (const [who, scope] of [
      ['alice', 'read:reports write:reports'],
      ['erin', 'read:reports write:reports'],
      ['carol', 'read:reports'],
    ] as const) {
      const code = await flow.codeFor(who, { resource, scope: 'openid read:reports write:reports' });
      expect((await flow.redeem(code, { resource })).body.scope).toBe(scope);
    }
    expect((await call('GET', '/api/users/bob000000000')).body.name).toBe('Renamed');
    await second.close();
  });

  it('keeps what somebody changed about the webhook', async () => {
    const webhookUrl = 'http://127.0.0.1:9/one';
    const changed = { name: 'mine', events: ['User.Created'] };
    const first = await startLogtoEmulator({ dataDir, webhookUrl });
    const call = await createManagementCaller(first);
    const [hook] = (await call('GET', '/api/hooks')).body;
    const config = { url: webhookUrl, headers: { 'x-mine': '1' } };
    await call('PATCH', `/api/hooks/${hook.id}`, { ...changed, config });
    await first.close();
    const second = await startLogtoEmulator({ dataDir, webhookUrl: 'http://127.0.0.1:9/two' });
    const [kept] = (await (await createManagementCaller(second))('GET', '/api/hooks')).body;
    expect(kept).toMatchObject({
      ...changed,
      id: hook.id,
      config: { url: 'http://127.0.0.1:9/two', headers: { 'x-mine': '1' } },
    });
    await second.close();
  });
});

describe('growth', () => {
  const ROUNDS = Number(process.env.RESET_RUNS ?? 60);

  it(`${ROUNDS} rounds of use and reset leave what one leaves`, async () => {
    const logto = await startLogtoEmulator();
    const flow = createCodeFlow(logto);
    const countsOf = () => (logto.state() as { counts: Record<string, number> }).counts;
    const initial = countsOf();
    const listeners = process.listenerCount('exit');
    for (let round = 0; round < ROUNDS; round += 1) {
      if (round % 20 === 0) {
        const tokens = await flow.redeem(await flow.codeFor('alice'));
        await flow.refresh(tokens.body.refresh_token ?? '');
        expect(countsOf()).not.toEqual(initial);
      }
      await logto.mintToken({ user: 'alice' });
      await logto.reset();
      expect(countsOf()).toEqual(initial);
    }
    expect(process.listenerCount('exit')).toBe(listeners);
    expect(logto.requests()).toEqual([]);
    await logto.close();
  });

  it('what has expired is swept while it runs', async () => {
    const logto = await startLogtoEmulator();
    const flow = createCodeFlow(logto);
    const countsOf = () => (logto.state() as { counts: Record<string, number> }).counts;
    for (let day = 0; day < 5; day += 1) {
      logto.setClock(day * 200 * 86_400);
      const tokens = await flow.redeem(await flow.codeFor('alice'));
      await flow.refresh(tokens.body.refresh_token ?? '');
    }
    const { sessions, grants, codes, accessTokens, refreshTokens, interactions = 0 } = countsOf();
    expect({ sessions, grants, codes, accessTokens, refreshTokens, interactions }).toEqual({
      sessions: 1,
      grants: 1,
      codes: 1,
      accessTokens: 2,
      refreshTokens: 1,
      interactions: 0,
    });
    await logto.close();
  });
});
