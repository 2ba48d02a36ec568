import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import LogtoClient, { Prompt, UserScope } from '@logto/node';
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose';
import { type LogtoEmulator, startLogtoEmulator } from '../../../src/emulators/logto/emulator.ts';
import { type Browser, openBrowser, registerAs, signInAs } from '../../support/logto-browser.ts';
import { openReceiver, type Receiver } from '../../support/logto-receiver.ts';

const api = 'http://localhost:3000/api';
const callback = 'http://localhost:3000/logto/sign-in-callback';
let logto: LogtoEmulator;
let receiver: Receiver;

beforeAll(async () => {
  receiver = await openReceiver('signing-key');
  logto = await startLogtoEmulator({ webhookUrl: receiver.url, webhookSigningKey: 'signing-key' });
});
beforeEach(async () => {
  await logto.reset();
  receiver.received.length = 0;
});
afterAll(async () => {
  await logto.close();
  await receiver.close();
});

/** The SDK as an application uses it: a storage, and a browser that it sends around. */
function openClient(scopes: string[] = ['read:reports', 'write:reports']) {
  const kept = new Map<string, string>();
  let navigatedTo = '';
  const client = new LogtoClient(
    {
      endpoint: logto.url,
      appId: 'webapp00000000000000a',
      appSecret: 'webapp-secret',
      scopes: [UserScope.Email, UserScope.Organizations, UserScope.OrganizationRoles, ...scopes],
      resources: [api],
      prompt: Prompt.Consent,
    },
    {
      navigate: (url) => {
        navigatedTo = url;
      },
      storage: {
        getItem: async (key) => kept.get(key) ?? null,
        setItem: async (key, value) => void kept.set(key, value),
        removeItem: async (key) => void kept.delete(key),
      },
    },
  );
  return { client, navigatedTo: () => navigatedTo };
}

async function signedIn(browser: Browser = openBrowser(logto.url), who = 'alice') {
  const { client, navigatedTo } = openClient();
  await client.signIn({ redirectUri: callback });
  await client.handleSignInCallback(await signInAs(browser, navigatedTo(), who));
  return { client, navigatedTo };
}

async function verified(token: string) {
  const jwks = (await (await fetch(`${logto.url}/oidc/jwks`)).json()) as JSONWebKeySet;
  return jwtVerify(token, createLocalJWKSet(jwks), { issuer: logto.issuer });
}

describe('the unmodified @logto/node', () => {
  it('signs up: the person, the webhooks, and a token of the new account', async () => {
    const { client, navigatedTo } = openClient();
    await client.signIn({ redirectUri: callback, firstScreen: 'register' });
    const browser = openBrowser(logto.url);
    const back = await registerAs(browser, navigatedTo(), { username: 'zoe', email: 'zoe@example.com' });
    await client.handleSignInCallback(back);
    const claims = await client.getIdTokenClaims();
    expect(claims).toMatchObject({ username: 'zoe', email: 'zoe@example.com', organizations: [] });

    expect(receiver.events()).toEqual(['User.Created', 'PostRegister']);
    expect(receiver.received.every(({ verified: good }) => good)).toBe(true);
    expect(receiver.received[1]?.body).toMatchObject({ userId: claims.sub, user: { id: claims.sub } });
  });

  it('signs in, and gets a token for the API that verifies', async () => {
    const { client } = await signedIn();
    expect(await client.isAuthenticated()).toBe(true);
    const { payload, protectedHeader } = await verified(await client.getAccessToken(api));
    expect(protectedHeader).toMatchObject({ alg: 'ES384', typ: 'at+jwt' });
    expect(payload).toMatchObject({
      sub: 'alice0000000',
      client_id: 'webapp00000000000000a',
      aud: api,
      scope: 'read:reports write:reports',
    });
    await logto.settled();
    expect(receiver.events()).toEqual(['PostSignIn']);
  });

  it('gets both kinds of organization token, and is told when it is no member', async () => {
    const { client } = await signedIn();
    const { payload } = await verified(await client.getAccessToken(api, 'acme00000000'));
    expect(payload).toMatchObject({ aud: api, organization_id: 'acme00000000' });
    const organization = await verified(await client.getOrganizationToken('acme00000000'));
    expect(organization.payload).toMatchObject({ aud: 'urn:logto:organization:acme00000000' });
    expect(organization.payload).not.toHaveProperty('organization_id');
    // The SDK prints every refusal.
    const printed = jest.spyOn(console, 'error').mockImplementation(() => undefined);
    await expect(client.getOrganizationToken('globex000000')).rejects.toMatchObject({
      code: 'oidc.access_denied',
    });
    expect(printed).toHaveBeenCalled();
    printed.mockRestore();
  });

  it('reads userinfo with the opaque token', async () => {
    const { client } = await signedIn();
    expect(await client.fetchUserInfo()).toMatchObject({
      sub: 'alice0000000',
      email: 'alice@example.com',
      organizations: ['acme00000000'],
      organization_data: [{ id: 'acme00000000', name: 'acme' }],
      organization_roles: ['acme00000000:admin'],
    });
  });

  it('refreshes when the token has run out, and keeps its refresh token as confidential clients do', async () => {
    const { client } = await signedIn();
    const [token, refreshToken] = [await client.getAccessToken(api), await client.getRefreshToken()];
    await client.clearAccessToken();
    expect(await client.getAccessToken(api)).not.toBe(token);
    expect(await client.getRefreshToken()).toBe(refreshToken);
  });

  it('signs out: the session at the issuer is over', async () => {
    const browser = openBrowser(logto.url);
    const { client, navigatedTo } = await signedIn(browser);
    await client.signOut('http://localhost:3000');
    const page = await browser.visit(navigatedTo());
    const gone = await browser.submit(page, '/oidc/session/end/confirm', { logout: 'yes' });
    expect([gone.status, gone.location]).toEqual([303, 'http://localhost:3000/']);
    expect(browser.cookies.has('_session')).toBe(false);

    const again = openClient();
    await again.client.signIn({ redirectUri: callback });
    const next = await browser.visit(again.navigatedTo());
    expect(next.text).toContain('<h1>Sign in</h1>');
  });
});
