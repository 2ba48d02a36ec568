import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import express, { type RequestHandler } from 'express';
import session from 'express-session';
import { type Listening, listenOnLoopback } from '../../../src/emulators/control/listen.ts';
import { type LogtoEmulator, startLogtoEmulator } from '../../../src/emulators/logto/emulator.ts';
import { seedFor } from '../../support/logto-app-seed.ts';
import { openBrowser, type Page } from '../../support/logto-browser.ts';

/** As published; the repository's own declaration of the package knows less of it. */
const sdk = (await import('@logto/express' as string)) as {
  handleAuthRoutes(config: object): RequestHandler;
  withLogto(config: object): RequestHandler;
};

const api = 'http://localhost:3000/api';
let logto: LogtoEmulator;
let listening: Listening;
let origin = '';

beforeAll(async () => {
  const app = express();
  listening = await listenOnLoopback(app, 0);
  origin = `http://localhost:${listening.port}`;
  logto = await startLogtoEmulator({ seed: seedFor(origin) });
  const config = {
    endpoint: logto.url,
    appId: 'webapp00000000000000a',
    appSecret: 'webapp-secret',
    baseUrl: origin,
    scopes: ['email', 'urn:logto:scope:organizations', 'read:reports', 'write:reports'],
    resources: [api],
  };
  app.use(session({ secret: 'a secret of the test', resave: false, saveUninitialized: false }));
  app.use(sdk.handleAuthRoutes(config));
  app.get(
    '/me',
    sdk.withLogto({ ...config, getAccessToken: true, resource: api, getOrganizationToken: true }),
    (req, res) => {
      res.json((req as unknown as { user: unknown }).user);
    },
  );
});
afterAll(async () => {
  await logto.close();
  await listening.close();
});

type Me = {
  isAuthenticated: boolean;
  accessToken?: string;
  claims?: { sub: string };
  organizationTokens?: object;
};

describe('the unmodified @logto/express', () => {
  it('signs in, serves the tokens of the API and of the organizations, and signs out', async () => {
    // Two origins: what the browser keeps for the application it does not send to the issuer.
    const app = openBrowser(origin);
    const issuer = openBrowser(logto.url);
    const me = async () => JSON.parse((await app.request('/me')).text) as Me;
    expect((await me()).isAuthenticated).toBe(false);

    const leaving = await app.request('/logto/sign-in');
    const form = await issuer.visit(leaving.location ?? '');
    const picked: Page = await issuer.submit(form, '/sign-in', { pick: 'alice0000000' });
    const back = await app.request(picked.location ?? '');
    expect(back.location).toBe(`${origin}/`);

    const signedIn = await me();
    expect(signedIn).toMatchObject({ isAuthenticated: true, claims: { sub: 'alice0000000' } });
    expect(signedIn.accessToken?.split('.')).toHaveLength(3);
    expect(Object.keys(signedIn.organizationTokens ?? {})).toEqual(['acme00000000']);

    const away = await app.request('/logto/sign-out');
    const asked = await issuer.visit(away.location ?? '');
    const gone = await issuer.submit(asked, '/oidc/session/end/confirm', { logout: 'yes' });
    expect(gone.location).toBe(`${origin}/`);
    expect((await me()).isAuthenticated).toBe(false);
  });

  it('signs nobody in whose account is suspended', async () => {
    const app = openBrowser(origin);
    const issuer = openBrowser(logto.url);
    const form = await issuer.visit((await app.request('/logto/sign-in')).location ?? '');
    const refused = await issuer.submit(form, '/sign-in', { pick: 'mallory00000' });
    expect([refused.status, refused.location]).toEqual([401, undefined]);
    expect(refused.text).toContain('This account is suspended.');
  });
});
