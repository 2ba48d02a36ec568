import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import LogtoClient, { Prompt } from '@logto/node';
import { Permit } from 'permitio';
import { observeHandlers } from '../../src/index.ts';
import { type AppStack, startAppStack } from '../support/app-stack.ts';
import { openVisitor } from '../support/app-visitor.ts';
import { openBrowser, signInAs } from '../support/logto-browser.ts';
import { until } from '../support/until.ts';

let stack: AppStack;
let appUrl: string;
const ran: string[] = [];
beforeAll(async () => {
  stack = await startAppStack();
  appUrl = stack.emulators.gate.baseUrl;
  observeHandlers(stack.app, (handler) => ran.push(handler));
});
afterAll(() => stack.close());

const permit = () =>
  new Permit({
    token: stack.emulators.permit.keys.environment,
    apiUrl: stack.emulators.permit.url,
    pdp: stack.emulators.permit.pdpUrl,
  });

describe('somebody registers on the sign-up page', () => {
  const visitor = () => openVisitor(appUrl, stack.emulators.logto.url);

  it('and reads reports within two seconds, with nobody doing anything', async () => {
    const tookMs: number[] = [];
    // The fastest of three: a busy machine is not what is measured.
    for (const username of ['zoe', 'zara', 'zac']) {
      const somebody = visitor();
      const startedAt = performance.now();
      const back = await somebody.signUp({ username, email: `${username}@example.com` });
      expect(back.location).toBe(`${appUrl}/`);
      const reports = await until(async () => {
        const page = await somebody.call('GET', '/api/reports');
        return page.status === 200 && page;
      });
      tookMs.push(performance.now() - startedAt);
      expect(JSON.parse(reports.text)).toEqual({ items: [], nextCursor: null });
    }
    expect(Math.min(...tookMs)).toBeLessThan(2_000);
  });

  it('and may not create one, while somebody anonymous meets no handler at all', async () => {
    const wes = visitor();
    await wes.signUp({ username: 'wes' });
    await until(async () => (await wes.call('GET', '/api/reports')).status === 200);
    ran.length = 0;
    const denied = await wes.call('POST', '/api/reports', { title: 'Mine', body: '' });
    expect([denied.status, JSON.parse(denied.text).code]).toEqual([403, 'permission_denied']);
    const anonymous = await fetch(`${appUrl}/api/reports`);
    expect([anonymous.status, ran]).toEqual([401, []]);
  });

  it('and the unmodified permitio shows that person, with that role, once', async () => {
    const yan = visitor();
    await yan.signUp({ username: 'yan', email: 'yan@example.com' });
    await stack.emulators.logto.settled();
    await stack.gate.sync.settled();
    const me = JSON.parse((await yan.call('GET', '/api/me')).text);

    const user = await permit().api.users.get(me.sub);
    expect(user).toMatchObject({ key: me.sub, email: 'yan@example.com' });
    const roles = await permit().api.users.getAssignedRoles({ user: me.sub });
    expect(roles.map(({ role, tenant }) => `${role}@${tenant}`)).toEqual(['viewer@default']);
    expect(await permit().check(me.sub, 'view', { type: 'reports', tenant: 'default' })).toBe(true);
    expect(await permit().check(me.sub, 'create', { type: 'reports', tenant: 'default' })).toBe(false);
  });

  it('and signs out: the session is over, everywhere', async () => {
    const xia = visitor();
    await xia.signUp({ username: 'xia' });
    const { sub } = JSON.parse((await xia.call('GET', '/api/me')).text);
    expect(await stack.gate.endSessionsOf(sub)).toBe(1);
    expect((await xia.call('GET', '/api/me')).status).toBe(401);
  });
});

describe('the unmodified @logto/node', () => {
  it('signs in at the emulator, and its access token opens the API', async () => {
    const items = new Map<string, string>();
    let target = '';
    const client = new LogtoClient(
      {
        endpoint: stack.emulators.logto.url,
        appId: 'webapp00000000000000a',
        appSecret: 'webapp-secret',
        resources: ['http://localhost:3000/api'],
        prompt: Prompt.Consent,
      },
      {
        navigate: (url) => {
          target = url;
        },
        storage: {
          getItem: async (key) => items.get(key) ?? null,
          setItem: async (key, value) => void items.set(key, value),
          removeItem: async (key) => void items.delete(key),
        },
      },
    );
    await client.signIn({ redirectUri: `${appUrl}/logto/sign-in-callback` });
    await client.handleSignInCallback(
      await signInAs(openBrowser(stack.emulators.logto.url), target, 'alice'),
    );
    const token = await client.getAccessToken('http://localhost:3000/api');
    const answer = await fetch(`${stack.url}/api/me`, { headers: { Authorization: `Bearer ${token}` } });
    expect(await answer.json()).toMatchObject({ sub: 'alice0000000', via: 'bearer' });
  });
});

describe('every faulty token', () => {
  it('is refused, and no handler runs', async () => {
    ran.length = 0;
    const tokens = await stack.emulators.faultyTokens('alice');
    expect(Object.keys(tokens).length).toBeGreaterThan(10);
    for (const [fault, token] of Object.entries(tokens)) {
      const answer = await fetch(`${stack.url}/api/reports`, {
        headers: { Authorization: `Bearer ${token}` },
      });
      expect([fault, answer.status]).toEqual([fault, fault === 'oversized' ? 431 : 401]);
    }
    expect(ran).toEqual([]);
    expect((await stack.call('alice', 'GET', '/api/reports')).status).toBe(200);
  });
});

describe('suspension', () => {
  it('closes every door at once, and opens them as they were', async () => {
    const token = await stack.emulators.tokenFor('bob', { organization: 'acme' });
    const ask = async () =>
      (await fetch(`${stack.url}/api/reports`, { headers: { Authorization: `Bearer ${token}` } })).status;
    expect(await ask()).toBe(200);
    await manage('PATCH', '/api/users/bob000000000/is-suspended', { isSuspended: true });
    await until(async () => (await ask()) === 401);
    await manage('PATCH', '/api/users/bob000000000/is-suspended', { isSuspended: false });
    await stack.emulators.logto.settled();
    await stack.gate.sync.settled();
    const roles = await permit().api.users.getAssignedRoles({ user: 'bob000000000' });
    expect(roles.map(({ role, tenant }) => `${role}@${tenant}`).sort()).toEqual([
      'editor@acme00000000',
      'editor@default',
    ]);
  });

  async function manage(method: string, path: string, body: unknown): Promise<void> {
    const { logto } = stack.emulators;
    const { token } = await logto.mintToken({
      machine: 'Management API access',
      resource: 'https://default.logto.app/api',
    });
    const answer = await fetch(`${logto.url}${path}`, {
      method,
      headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
    });
    expect(answer.status).toBe(200);
  }
});
