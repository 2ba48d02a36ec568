import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type Browser, openSessionHarness, type SessionHarness } from '../support/session-harness.ts';

let harness: SessionHarness;
let browser: Browser;
beforeAll(async () => {
  harness = await openSessionHarness();
}, 60_000);
afterAll(() => harness.close());
beforeEach(async () => {
  browser = harness.browser();
  await browser.signIn();
  harness.ran.length = 0;
});

const stillSignedIn = async () => expect((await browser.whoami()).sub).toBe('alice0000000');

describe('a write with the session cookie', () => {
  it('d-22 is refused as a form of another site', async () => {
    const answer = await browser.send('post', '/write', { form: { title: 'x' }, crossSite: true });
    expect(answer.status).toBe(403);
    expect(harness.ran).toEqual([]);
    expect((await browser.send('post', '/write', { form: { title: 'x' } })).status).toBe(200);
    expect(harness.ran).toEqual(['POST']);
  });

  it('d-23 is refused as JSON in text/plain, the one content type that needs no preflight', async () => {
    const organizationId = 'acme00000000';
    const text = JSON.stringify({ organizationId });
    const crossSite = await browser.send('post', '/logto/organization', { text, crossSite: true });
    expect(crossSite.status).toBe(403);
    // And from our own pages it is still not JSON.
    expect((await browser.send('post', '/logto/organization', { text })).status).toBe(415);
    expect((await browser.whoami()).tenant).toBe('default');
    expect((await browser.send('post', '/logto/organization', { json: { organizationId } })).status).toBe(
      200,
    );
    expect((await browser.whoami()).tenant).toBe(organizationId);
  });

  it('d-24 does not exist as a GET: no GET ends or changes a session', async () => {
    const before = browser.sessionCookie();
    for (const path of ['/logto/sign-out', '/logto/organization', '/logto/backchannel-logout']) {
      const answer = await browser.get(path);
      expect(answer.status).toBe(405);
      expect(answer.headers.allow).toBe('POST');
    }
    const started = await browser.send('get', '/logto/sign-in', { crossSite: true });
    expect(started.status).toBe(302);
    expect(browser.sessionCookie()).toBe(before);
    await stillSignedIn();
  });

  it('d-25 is refused as a fetch of another origin, sibling hosts and "null" included', async () => {
    for (const headers of [
      { Origin: 'https://evil.example', 'Sec-Fetch-Site': 'cross-site' },
      { Origin: 'http://localhost:1', 'Sec-Fetch-Site': 'same-site' },
      { Origin: 'null', 'Sec-Fetch-Site': 'same-origin' },
      { Origin: harness.baseUrl, 'Sec-Fetch-Site': 'none' },
      { Origin: `${harness.baseUrl}.evil.example`, 'Sec-Fetch-Site': 'same-origin' },
    ]) {
      for (const method of ['post', 'put', 'delete'] as const) {
        const answer = await browser.send(method, '/write', { json: {}, headers });
        expect(answer.status).toBe(403);
      }
    }
    expect(harness.ran).toEqual([]);
    for (const method of ['put', 'delete'] as const) {
      expect((await browser.send(method, '/write', { json: {} })).status).toBe(200);
    }
    expect(harness.ran).toEqual(['PUT', 'DELETE']);
  });

  it('is judged by either header when a browser sends only one, and refused without both', async () => {
    const { default: supertest } = await import('supertest');
    const post = (headers: Record<string, string>) =>
      supertest(harness.server)
        .post('/write')
        .set('Cookie', `elp-session=${browser.sessionCookie()}`)
        .set(headers);
    expect((await post({ Origin: harness.baseUrl })).status).toBe(200);
    expect((await post({ 'Sec-Fetch-Site': 'same-origin' })).status).toBe(200);
    expect((await post({})).status).toBe(403);
  });

  it('is not judged while nobody is signed in: there is nothing to abuse', async () => {
    browser.jar.clear();
    expect((await browser.send('post', '/write', { crossSite: true, json: {} })).body).toEqual({ sub: null });
  });
});

describe('signing out', () => {
  it('d-26 deletes the session on the server', async () => {
    const before = (await harness.rows()).length;
    const answer = await browser.send('post', '/logto/sign-out');
    expect(answer.status).toBe(303);
    const target = new URL(answer.headers.location as string);
    expect(target.pathname).toBe('/oidc/session/end');
    expect(target.searchParams.get('post_logout_redirect_uri')).toBe(harness.baseUrl);
    expect((await harness.rows()).length).toBe(before - 1);
  });

  it('d-27 takes the cookie back', async () => {
    const answer = await browser.send('post', '/logto/sign-out');
    const cleared = (answer.headers['set-cookie'] as unknown as string[]).find((line) =>
      line.startsWith('elp-session='),
    );
    expect(cleared).toMatch(/^elp-session=; Path=\/; Expires=Thu, 01 Jan 1970/);
    expect(browser.sessionCookie()).toBeUndefined();
  });

  it('d-28 leaves the old cookie worthless', async () => {
    const old = browser.sessionCookie() as string;
    await browser.send('post', '/logto/sign-out');
    browser.jar.set('elp-session', old);
    expect(await browser.whoami()).toEqual({ sub: null });
  });

  it('d-29 works by POST only, and from our own pages only', async () => {
    for (const method of ['get', 'head', 'put', 'delete', 'options'] as const) {
      expect((await browser.send(method, '/logto/sign-out')).status).toBe(405);
    }
    expect((await browser.send('post', '/logto/sign-out', { crossSite: true })).status).toBe(403);
    await stillSignedIn();
  });

  it('revokes the refresh token at Logto, and answers a script in JSON', async () => {
    const held = harness.oidc.refreshTokens.size;
    const answer = await browser.send('post', '/logto/sign-out', { headers: { Accept: 'application/json' } });
    expect(answer.status).toBe(200);
    expect(answer.body.redirectTo).toContain('/oidc/session/end');
    expect(harness.oidc.refreshTokens.size).toBe(held - 1);
  });

  it('succeeds here while Logto cannot revoke', async () => {
    harness.oidc.revocationFault = 'reset';
    const answer = await browser.send('post', '/logto/sign-out');
    harness.oidc.revocationFault = undefined;
    expect(answer.status).toBe(303);
    expect(await browser.whoami()).toEqual({ sub: null });
  });

  it('is no error for somebody who is not signed in', async () => {
    expect((await harness.browser().send('post', '/logto/sign-out')).status).toBe(303);
  });
});

describe('the sign-in routes', () => {
  it('take GET alone: HEAD and the others start nothing', async () => {
    for (const path of ['/logto/sign-in', '/logto/sign-up', '/logto/sign-in-callback']) {
      for (const method of ['head', 'post', 'put', 'delete', 'options'] as const) {
        const answer = await browser.send(method, path);
        expect(answer.status).toBe(405);
        expect(answer.headers.allow).toBe('GET');
        expect(answer.headers['set-cookie']).toBeUndefined();
      }
    }
  });

  it('start nothing for a prefetch', async () => {
    for (const headers of [
      { Purpose: 'prefetch' },
      { 'Sec-Purpose': 'prefetch;prerender' },
      { 'X-Moz': 'prefetch' },
    ] as Record<string, string>[]) {
      const answer = await browser.get('/logto/sign-in', headers);
      expect(answer.status).toBe(403);
      expect(answer.headers['set-cookie']).toBeUndefined();
    }
    expect((await browser.get('/logto/sign-in')).status).toBe(302);
  });

  it('leave a session alone until somebody has signed in', async () => {
    const { oidc } = harness;
    const calls = oidc.grants('refresh_token');
    await browser.whoami();
    await browser.begin();
    await browser.begin('/logto/sign-up');
    await stillSignedIn();
    expect(oidc.grants('refresh_token')).toBeLessThanOrEqual(calls + 1);
  });

  it('open the registration page on /logto/sign-up', async () => {
    const answer = await browser.get('/logto/sign-up');
    expect(new URL(answer.headers.location as string).searchParams.get('first_screen')).toBe('register');
  });

  it('are not reached under another spelling, and nothing else is there', async () => {
    for (const path of ['/logto/sign-in/', '/LOGTO/sign-in', '/logto/other']) {
      expect((await browser.get(path)).status).toBe(404);
    }
  });

  it('keep four sign-ins open at most, the newest ones', async () => {
    browser.jar.clear();
    const paths = [];
    for (let tab = 0; tab < 6; tab++) {
      harness.clock.offsetMs = tab * 1_000;
      paths.push(await browser.begin());
    }
    harness.clock.offsetMs = 0;
    browser.jar.set('elp-sign-in-rubbish', 'rubbish');
    expect(browser.jar.size).toBe(5);
    expect((await browser.send('get', paths[0] as string)).status).toBe(400);
    expect((await browser.send('get', paths[5] as string)).status).toBe(302);
    await browser.begin();
    expect(browser.jar.has('elp-sign-in-rubbish')).toBe(false);
  });
});
