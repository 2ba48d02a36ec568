import { describe, expect, it } from '@jest/globals';
import { type Browser, openBrowser, signInAs } from '../../support/logto-browser.ts';
import { type LogtoSuite, useLogto } from '../../support/logto-suite.ts';

let logto: LogtoSuite['logto'];
let flow: LogtoSuite['flow'];
useLogto((suite) => {
  ({ logto, flow } = suite);
});

const signedIn = async (browser: Browser, scope: string, prompt = 'consent') => {
  const back = new URL(await signInAs(browser, flow.authorizationUrl({ scope, prompt }), 'alice'));
  return (await flow.redeem(back.searchParams.get('code') ?? '')).body;
};
const signOut = async (browser: Browser) => {
  const page = await browser.visit('/oidc/session/end?client_id=webapp00000000000000a');
  await browser.submit(page, '/oidc/session/end/confirm', { logout: 'yes' });
};
const meOf = async (token = '') =>
  (await fetch(`${logto.url}/oidc/me`, { headers: { authorization: `Bearer ${token}` } })).status;

describe('a sign-out', () => {
  it('ends tokens that were given without offline_access, of this session alone', async () => {
    const browser = openBrowser(logto.url);
    const bound = await signedIn(browser, 'openid profile');
    const elsewhere = await signedIn(openBrowser(logto.url), 'openid profile');
    expect(await meOf(bound.access_token)).toBe(200);
    await signOut(browser);
    expect([await meOf(bound.access_token), await meOf(elsewhere.access_token)]).toEqual([401, 200]);
  });

  it('also ends those of before another sign-in in the same browser', async () => {
    const browser = openBrowser(logto.url);
    const first = await signedIn(browser, 'openid profile');
    await signedIn(browser, 'openid profile', 'login');
    await signOut(browser);
    expect(await meOf(first.access_token)).toBe(401);
  });

  it('leaves what was given with offline_access', async () => {
    const browser = openBrowser(logto.url);
    const offline = await signedIn(browser, 'openid offline_access profile');
    await signOut(browser);
    expect([
      await meOf(offline.access_token),
      (await flow.refresh(offline.refresh_token ?? '')).status,
    ]).toEqual([200, 200]);
  });
});
