import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import express from 'express';
import type { Browser, Page } from 'playwright-core';
import { type Listening, listenOnLoopback } from '../../../src/emulators/control/listen.ts';
import { type LogtoEmulator, startLogtoEmulator } from '../../../src/emulators/logto/emulator.ts';
import { seedFor } from '../../support/logto-app-seed.ts';
import { hasChromium, launchChromium } from '../../support/logto-chromium.ts';

const packages = join(import.meta.dirname, '../../../node_modules');
const api = 'http://localhost:3000/api';
const modules = {
  imports: {
    '@logto/browser': '/packages/@logto/browser/lib/index.js',
    '@logto/client': '/packages/@logto/client/lib/index.js',
    '@logto/js': '/packages/@logto/js/lib/index.js',
    '@silverhand/essentials': '/packages/@silverhand/essentials/lib/index.js',
    'camelcase-keys': '/packages/camelcase-keys/index.js',
    camelcase: '/packages/camelcase/index.js',
    'js-base64': '/packages/js-base64/base64.mjs',
    jose: '/packages/@logto/client/node_modules/jose/dist/browser/index.js',
    'map-obj': '/packages/map-obj/index.js',
    'quick-lru': '/packages/quick-lru/index.js',
  },
};

let logto: LogtoEmulator;
let listening: Listening;
let browser: Browser;
let origin = '';

const inChromium = hasChromium() ? describe : describe.skip;

/** A single page application: the unmodified SDK, as a module, without a bundler. */
const appPage = () => `<!doctype html><title>app</title>
<script type="importmap">${JSON.stringify(modules)}</script>
<script type="module">
  import LogtoClient, { Prompt, UserScope } from '@logto/browser';
  window.client = new LogtoClient({
    endpoint: ${JSON.stringify(logto.url)},
    appId: 'spa000000000000000000',
    scopes: [UserScope.Organizations, 'read:reports', 'write:reports'],
    resources: [${JSON.stringify(api)}],
    prompt: Prompt.Consent,
  });
  document.title = 'ready';
</script>`;

inChromium('the unmodified @logto/browser in Chromium', () => {
  beforeAll(async () => {
    const app = express();
    app.use('/packages', express.static(packages));
    app.get(['/', '/callback'], (_req, res) => void res.type('html').send(appPage()));
    listening = await listenOnLoopback(app, 0);
    origin = `http://localhost:${listening.port}`;
    logto = await startLogtoEmulator({ seed: seedFor(origin) });
    browser = await launchChromium();
  });
  afterAll(async () => {
    await browser?.close();
    await logto?.close();
    await listening?.close();
  });

  const ready = (page: Page) => page.waitForFunction("document.title === 'ready'");
  /** Runs in the page; `body` sees `client`, `api` and `origin`. */
  const run = <T>(page: Page, body: string): Promise<T> =>
    page.evaluate(
      `(async (client, api, origin) => { ${body} })(window.client, ${JSON.stringify(api)}, ${JSON.stringify(origin)})`,
    );

  it('signs up, gets API and organization tokens, refreshes with rotation, and signs out', async () => {
    const page = await browser.newPage();
    const errors: string[] = [];
    page.on('pageerror', (error) => errors.push(error.message));
    await page.goto(origin);
    await ready(page);
    await run(page, `void client.signIn({ redirectUri: origin + '/callback', firstScreen: 'register' })`);
    await page.waitForURL(`${logto.url}/register**`);
    await page.fill('#username', 'zoe');
    await page.fill('#password', 'a long password');
    await page.click('text="Create account"');
    await page.waitForURL(`${origin}/callback**`);
    await ready(page);
    await run(page, 'await client.handleSignInCallback(location.href)');
    expect(await run(page, 'return (await client.getIdTokenClaims()).username')).toBe('zoe');

    const first = await run<string>(page, 'return client.getRefreshToken()');
    const token = await run<string>(page, 'return client.getAccessToken(api)');
    expect(token.split('.')).toHaveLength(3);
    expect(await run(page, 'return client.getRefreshToken()')).not.toBe(first);
    await expect(run(page, `return client.getOrganizationToken('acme00000000')`)).rejects.toThrow();

    await run(page, 'void client.signOut(origin)');
    await page.waitForURL(`${origin}/`);
    await ready(page);
    expect(await run(page, 'return client.isAuthenticated()')).toBe(false);
    expect(errors).toEqual([]);
    await page.close();
  });

  it('signs a member in with the picker, and gets the organization’s token', async () => {
    const page = await browser.newPage();
    await page.goto(origin);
    await ready(page);
    await run(page, `void client.signIn(origin + '/callback')`);
    await page.waitForURL(`${logto.url}/sign-in**`);
    await page.click('text="Bob Baker"');
    await page.waitForURL(`${origin}/callback**`);
    await ready(page);
    await run(page, 'await client.handleSignInCallback(location.href)');
    const claims = await run(page, `return client.getOrganizationTokenClaims('acme00000000')`);
    expect(claims).toMatchObject({ sub: 'bob000000000', aud: 'urn:logto:organization:acme00000000' });
    await page.close();
  });
});
