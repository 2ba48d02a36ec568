import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import type { LogtoEmulator } from '../../src/emulators/logto/emulator.ts';
import { describeInChromium, launchChromium } from '../support/session-chromium.ts';
import { startEmulatorFor } from '../support/session-emulator.ts';
import { openSessionHarness, type SessionHarness } from '../support/session-harness.ts';

const HOME = `<!doctype html><title>Home</title>
<a id="sign-in" href="/logto/sign-in?returnTo=/home?from=logto">Sign in</a>
<form method="post" action="/logto/sign-out"><button id="sign-out">Sign out</button></form>`;

describeInChromium('in a real browser', () => {
  let emulator: LogtoEmulator;
  let harness: SessionHarness;
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  let evilServer: Server;
  let evilUrl: string;

  beforeAll(async () => {
    harness = await openSessionHarness({
      idleMs: 36_000_000,
      provider: async (baseUrl) => {
        emulator = await startEmulatorFor(baseUrl);
        return emulator;
      },
      pages: { '/home': HOME, '/': HOME },
    });
    evilServer = createServer((_req, res) => void res.end('<!doctype html><title>Prizes</title>'));
    await new Promise<void>((resolve) => evilServer.listen(0, '127.0.0.1', resolve));
    evilUrl = `http://127.0.0.1:${(evilServer.address() as AddressInfo).port}/`;
    browser = await launchChromium();
    context = await browser.newContext();
    page = await context.newPage();
  }, 90_000);
  afterAll(async () => {
    await browser?.close();
    evilServer.close();
    evilServer.closeAllConnections();
    await harness.close();
    await emulator.close();
  });

  /** What a script of our own page is told. */
  const ask = (path: string, options: { method?: string; json?: unknown } = {}) =>
    page.evaluate(
      async ([path, method, body]) => {
        const headers = {
          accept: 'application/json',
          ...(body ? { 'content-type': 'application/json' } : {}),
        };
        const answer = await fetch(path as string, {
          method: method as string,
          headers,
          ...(body ? { body } : {}),
        });
        return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
      },
      [path, options.method ?? 'GET', options.json === undefined ? '' : JSON.stringify(options.json)],
    );
  const pick = (user: string) => page.click(`button[name="pick"][value="${user}"]`);

  it('signs in, switches the organization, refreshes, and signs out', async () => {
    await page.goto(`${harness.baseUrl}/home`);
    await page.click('#sign-in');
    await pick('alice0000000');
    await page.waitForURL(`${harness.baseUrl}/home?from=logto`);
    expect((await ask('/whoami')).body).toMatchObject({ sub: 'alice0000000', tenant: 'default' });

    const [cookie] = (await context.cookies(harness.baseUrl)).filter(({ name }) => name === 'elp-session');
    expect(cookie).toMatchObject({ httpOnly: true, sameSite: 'Lax', path: '/', expires: -1 });

    const json = { organizationId: 'acme00000000' };
    expect((await ask('/logto/organization', { method: 'POST', json })).status).toBe(200);
    expect((await ask('/whoami')).body.tenant).toBe('acme00000000');

    emulator.setClock(3_700);
    harness.clock.offsetMs = 3_700_000;
    const refreshed = emulator.requests().filter(({ path }) => path === '/oidc/token').length;
    expect((await ask('/whoami')).body).toMatchObject({ sub: 'alice0000000', tenant: 'acme00000000' });
    expect(emulator.requests().filter(({ path }) => path === '/oidc/token').length).toBe(refreshed + 1);
    emulator.setClock(0);
    harness.clock.offsetMs = 0;

    await page.click('#sign-out');
    await page.waitForURL((url) => url.origin === harness.baseUrl);
    expect((await ask('/whoami')).body).toEqual({ sub: null });
    expect((await context.cookies(harness.baseUrl)).filter(({ name }) => name === 'elp-session')).toEqual([]);
  }, 60_000);

  it('signs in in two tabs at once', async () => {
    const second = await context.newPage();
    await page.goto(`${harness.baseUrl}/logto/sign-in?returnTo=/home?tab=1`);
    await second.goto(`${harness.baseUrl}/logto/sign-in?returnTo=/home?tab=2`);
    await second.click('button[name="pick"][value="bob000000000"]');
    await second.waitForURL(`${harness.baseUrl}/home?tab=2`);
    await page.goto(`${harness.baseUrl}/logto/sign-in?returnTo=/home?tab=3`);
    await page.waitForURL(`${harness.baseUrl}/home?tab=3`);
    expect((await ask('/whoami')).body).toMatchObject({ sub: 'bob000000000' });
    await second.close();
  }, 60_000);

  it('is not fooled by another site: neither a form nor a fetch does anything', async () => {
    await page.goto(`${harness.baseUrl}/home`);
    expect((await ask('/whoami')).body.sub).toBe('bob000000000');
    harness.seen.length = 0;
    const evil = await context.newPage();
    // Another host for the browser, the same machine for us.
    await evil.goto(evilUrl);
    const sent = (path: string) => evil.waitForResponse((response) => response.url().endsWith(path));
    const fetched = sent('/write');
    await evil.evaluate(async (target) => {
      await fetch(`${target}/write`, { method: 'POST', mode: 'no-cors', credentials: 'include' }).catch(
        () => 0,
      );
    }, harness.baseUrl);
    await fetched;
    expect(harness.seen).toEqual([undefined]);
    await evil.setContent(
      `<form method="post" action="${harness.baseUrl}/logto/sign-out"><button>Win</button></form>`,
    );
    const [answer] = await Promise.all([sent('/logto/sign-out'), evil.click('button')]);
    expect(answer.status()).toBe(403);
    await evil.close();
    expect((await ask('/whoami')).body.sub).toBe('bob000000000');
  }, 60_000);

  it('shows a page that leads back to the sign-in when something failed', async () => {
    const refused: string[] = [];
    page.on('console', (message) => refused.push(message.text()));
    await page.goto(`${harness.baseUrl}/logto/sign-in-callback?state=used&code=used`);
    expect(await page.textContent('h1')).toBe('The sign-in did not work');
    // The stylesheet is let in by its hash.
    expect(await page.evaluate("getComputedStyle(document.querySelector('a')).display")).toBe('inline-block');
    expect(refused.filter((text) => /content security policy/i.test(text))).toEqual([]);
    if (process.env.SCREENSHOTS)
      await page.screenshot({ path: `${process.env.SCREENSHOTS}/sign-in-failed.png` });
    await page.click('text=Sign in again');
    await page.waitForURL(`${harness.baseUrl}/`);
    expect((await ask('/whoami')).body.sub).toBe('bob000000000');
  }, 60_000);
});
