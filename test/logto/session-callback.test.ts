import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { generateKeyPair } from 'jose';
import { sendRaw } from '../support/http-raw.ts';
import { type Browser, openSessionHarness, type SessionHarness } from '../support/session-harness.ts';

let harness: SessionHarness;
let browser: Browser;
beforeAll(async () => {
  // The SDK prints every refusal of Logto.
  jest.spyOn(console, 'error').mockImplementation(() => undefined);
  harness = await openSessionHarness();
}, 60_000);
afterAll(() => harness.close());
beforeEach(() => {
  browser = harness.browser();
  harness.oidc.idToken = {};
});

/** Nobody is signed in by this answer, and no session exists that was not there before. */
async function expectRefusal(path: string, from = browser) {
  const before = (await harness.rows()).length;
  const answer = await from.send('get', path);
  expect(answer.status).toBe(400);
  expect(answer.headers['content-type']).toMatch(/text\/html/);
  expect(answer.text).toContain('Sign in again');
  expect(answer.headers['cache-control']).toBe('no-store');
  expect((await harness.rows()).length).toBe(before);
  expect(await from.whoami()).toEqual({ sub: null });
  return answer;
}

const withQuery = (path: string, change: (query: URLSearchParams) => void) => {
  const url = new URL(path, 'http://x');
  change(url.searchParams);
  return `${url.pathname}${url.search}`;
};

describe('the call-back refuses', () => {
  it('d-11 a wrong state, and the right one still works after it', async () => {
    const path = await browser.begin();
    await expectRefusal(withQuery(path, (query) => query.set('state', 'another')));
    expect((await browser.send('get', path)).status).toBe(302);
    expect((await browser.whoami()).sub).toBe('alice0000000');
  });

  it('d-12 no state, an empty one, two of them', async () => {
    const path = await browser.begin();
    await expectRefusal(withQuery(path, (query) => query.delete('state')));
    await expectRefusal(withQuery(path, (query) => query.set('state', '')));
    await expectRefusal(withQuery(path, (query) => query.append('state', 'second')));
  });

  it('an address that cannot be read, while one with another host is our own path', async () => {
    const path = await browser.begin();
    const cookie = `Cookie: ${[...browser.jar].map(([name, value]) => `${name}=${value}`).join('; ')}`;
    const ask = (address: string) =>
      sendRaw(Number(new URL(harness.baseUrl).port), {
        path: address,
        headers: [cookie, 'Accept: application/json'],
      });
    const unreadable = await ask(`http://x:999999${path}`);
    expect(unreadable.status).toBe(400);
    expect(JSON.parse(unreadable.body)).toMatchObject({ code: 'sign_in_failed' });
    const foreign = await ask(`http://evil.example${path}`);
    expect([foreign.status, foreign.headers.location]).toEqual([302, `${harness.baseUrl}/`]);
  });

  it('d-13 a sign-in that another browser has begun', async () => {
    const path = await browser.begin();
    const other = harness.browser();
    await other.begin();
    await expectRefusal(path, other);
  });

  it('d-14 its own repetition, and the session of the first stays', async () => {
    const path = await browser.begin();
    const held = new Map(browser.jar);
    await browser.send('get', path);
    const again = await browser.send('get', path);
    expect(again.status).toBe(400);
    expect((await browser.whoami()).sub).toBe('alice0000000');
    // With the cookie brought back by hand it is Logto who refuses the code.
    const thief = harness.browser();
    for (const [name, value] of held) thief.jar.set(name, value);
    await expectRefusal(path, thief);
  });

  it('d-15 error=access_denied, and says that it was cancelled', async () => {
    const cancelled = await browser.begin('/logto/sign-in?returnTo=/reports');
    const answer = await expectRefusal(
      withQuery(cancelled, (query) => {
        query.delete('code');
        query.set('error', 'access_denied');
        query.set('error_description', '<script>alert(1)</script>');
      }),
    );
    expect(answer.text).toContain('cancelled');
    expect(answer.text).toContain('href="/logto/sign-in?returnTo=%2Freports"');
    expect(answer.text).not.toContain('script>');
  });

  it('d-16 nothing when two tabs sign in at once: both arrive, in any order', async () => {
    const first = await browser.begin('/logto/sign-in?returnTo=/first');
    const second = await browser.begin('/logto/sign-in?returnTo=/second');
    expect((await browser.send('get', first)).headers.location).toBe(`${harness.baseUrl}/first`);
    expect((await browser.send('get', second)).headers.location).toBe(`${harness.baseUrl}/second`);
    expect((await browser.whoami()).sub).toBe('alice0000000');
    expect(browser.jar.size).toBe(1);
  });

  it.each([
    ['d-17 an ID token with the nonce of another sign-in', () => ({ claims: { nonce: 'other' } })],
    ['an ID token without a nonce', () => ({ claims: { nonce: undefined } })],
    ['d-18 an ID token for another application', () => ({ claims: { aud: 'another' } })],
    ['d-19 an ID token of another issuer', () => ({ claims: { iss: 'http://127.0.0.1:1/oidc' } })],
    [
      'd-20 an ID token with a bad signature',
      async () => ({ key: (await generateKeyPair('ES384')).privateKey }),
    ],
    ['d-21 an ID token that has expired', () => ({ claims: { exp: Math.floor(Date.now() / 1000) - 600 } })],
    [
      'an ID token that has expired within the tolerance of the SDK',
      () => ({ claims: { exp: Math.floor(Date.now() / 1000) - 60 } }),
    ],
    ['an access token in place of the ID token', () => ({ typ: 'at+jwt' })],
    ['an ID token of nobody', () => ({ claims: { sub: '' } })],
  ])('%s', async (_name, fault) => {
    harness.oidc.idToken = await fault();
    await expectRefusal(await browser.begin());
    harness.oidc.idToken = {};
    expect((await browser.signIn()).status).toBe(302);
    expect((await browser.whoami()).sub).toBe('alice0000000');
  });

  it('the answer of another issuer', async () => {
    await expectRefusal(
      withQuery(await browser.begin(), (query) => query.set('iss', 'https://evil.example/oidc')),
    );
    await expectRefusal(withQuery(await browser.begin(), (query) => query.delete('code')));
  });

  it('a sign-in older than an hour', async () => {
    const path = await browser.begin();
    harness.clock.offsetMs = 61 * 60_000;
    try {
      await expectRefusal(path);
    } finally {
      harness.clock.offsetMs = 0;
    }
  });

  it('an error of the server as 503, which invites to try again', async () => {
    const path = withQuery(await browser.begin(), (query) => {
      query.delete('code');
      query.set('error', 'server_error');
    });
    const answer = await browser.send('get', path);
    expect(answer.status).toBe(503);
    expect(answer.headers['retry-after']).toBe('1');
    expect(answer.text).toContain('not possible right now');
    const refused = withQuery(await browser.begin(), (query) => query.set('error', 'invalid_target'));
    expect((await expectRefusal(refused)).text).toContain('could not be completed');
  });
});

describe('while Logto', () => {
  it.each([
    ['hangs', 'hang' as const],
    ['resets connections', 'reset' as const],
    ['answers 500', { status: 500 }],
    ['answers 429', { status: 429, error: 'slow_down' }],
    ['answers a web page', 'html' as const],
    ['refuses our credentials', { status: 401, error: 'invalid_client' }],
  ])('%s the call-back is 503 and nobody is signed in', async (_name, fault) => {
    const path = await browser.begin();
    harness.oidc.tokenFault = fault;
    try {
      const answer = await browser.send('get', path);
      expect(answer.status).toBe(503);
      expect(await browser.whoami()).toEqual({ sub: null });
    } finally {
      harness.oidc.tokenFault = undefined;
    }
    expect((await browser.signIn()).status).toBe(302);
  });
});

describe('what a failed sign-in looks like', () => {
  it('is a page for people, that runs nothing and refers nobody', async () => {
    const answer = await browser.send('get', '/logto/sign-in-callback?state=x&code="><b>');
    expect(answer.headers['content-security-policy']).toMatch(/default-src 'none'; style-src 'sha256-/);
    expect(answer.headers['referrer-policy']).toBe('no-referrer');
    expect(answer.headers['x-content-type-options']).toBe('nosniff');
    expect(answer.text).toContain('<html lang="en">');
    expect(answer.text).toContain('Reference: request-&lt;1&gt;');
    expect(answer.text).not.toContain('<b>');
  });

  it('is a problem for everybody else', async () => {
    for (const accept of ['application/json', '*/*']) {
      const answer = await browser.send('get', '/logto/sign-in-callback', { headers: { Accept: accept } });
      expect(answer.status).toBe(400);
      expect(answer.body).toMatchObject({ code: 'sign_in_failed' });
    }
  });

  it('puts no claim and no token into the log', async () => {
    harness.oidc.idToken = { claims: { aud: 'another', email: 'alice@example.com' } };
    const path = await browser.begin();
    harness.logged.length = 0;
    await browser.send('get', path);
    const text = JSON.stringify(harness.logged);
    expect(text).toContain('sign-in failed');
    expect(text).not.toContain('alice@example.com');
    expect(text).not.toContain('eyJ');
  });
});
