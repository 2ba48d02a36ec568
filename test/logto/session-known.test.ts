import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type Browser, openSessionHarness, type SessionHarness } from '../support/session-harness.ts';

let harness: SessionHarness;
let browser: Browser;
/** What was known of the caller before any question was asked. */
let known: string | undefined;

beforeAll(async () => {
  harness = await openSessionHarness({
    before: [
      (req, _res, next) => {
        known = harness.logto.knownCallerOf(req);
        next();
      },
    ],
  });
}, 60_000);
afterAll(() => harness.close());
beforeEach(async () => {
  browser = harness.browser();
  await browser.signIn();
});

async function knownAt(visitor: Browser): Promise<string | undefined> {
  await visitor.whoami();
  return known;
}

describe('whose cookie this is, ahead of any question', () => {
  it('is known from its second use on, and of nobody without one', async () => {
    expect(await knownAt(browser)).toBeUndefined();
    expect(await knownAt(browser)).toBe('alice0000000');
    expect(await knownAt(harness.browser())).toBeUndefined();
    const forged = harness.browser();
    forged.jar.set('elp-session', `${browser.sessionCookie()}x`);
    expect([await knownAt(forged), await knownAt(forged)]).toEqual([undefined, undefined]);
  });

  it('is forgotten with a sign-out', async () => {
    const old = harness.browser();
    old.jar.set('elp-session', browser.sessionCookie() as string);
    await browser.whoami();
    expect(await knownAt(old)).toBe('alice0000000');
    await browser.send('post', '/logto/sign-out');
    expect(await knownAt(old)).toBeUndefined();
  });

  it('is forgotten at the first try after the session has ended elsewhere', async () => {
    await browser.whoami();
    await harness.logto.endSessionsOf('alice0000000');
    expect(await knownAt(browser)).toBe('alice0000000');
    expect(await knownAt(browser)).toBeUndefined();
  });

  it('is forgotten when its refresh token is refused', async () => {
    const old = harness.browser();
    old.jar.set('elp-session', browser.sessionCookie() as string);
    await browser.whoami();
    harness.oidc.refreshTokens.clear();
    harness.clock.offsetMs = 1_700_000;
    await browser.whoami();
    harness.clock.offsetMs = 3_400_000;
    await browser.whoami();
    harness.clock.offsetMs = 3_650_000;
    expect(await browser.whoami()).toEqual({ sub: null });
    expect(await knownAt(old)).toBeUndefined();
    harness.clock.offsetMs = 0;
  });
});
