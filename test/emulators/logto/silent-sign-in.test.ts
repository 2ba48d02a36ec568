import { beforeEach, describe, expect, it } from '@jest/globals';
import { type Browser, openBrowser, signInAs } from '../../support/logto-browser.ts';
import { type LogtoSuite, useLogto } from '../../support/logto-suite.ts';

let logto: LogtoSuite['logto'];
let flow: LogtoSuite['flow'];
let browser: Browser;
useLogto((suite) => {
  ({ logto, flow } = suite);
});
beforeEach(async () => {
  browser = openBrowser(logto.url);
  await signInAs(browser, flow.authorizationUrl({ scope: 'openid profile' }), 'alice');
});

/** What the browser ends with: a code, an error, or the sign-in page. */
async function outcomeOf(changes: Record<string, string>): Promise<string> {
  const url = flow.authorizationUrl({ scope: 'openid profile', prompt: '', ...changes });
  const page = await browser.visit(url);
  const answer = page.location === undefined ? undefined : new URL(page.location).searchParams;
  return answer ? (answer.get('error') ?? 'code') : (/<h1>([^<]*)/.exec(page.text)?.[1] ?? page.text);
}
const hintOf = async (who: string) => (await flow.redeem(await flow.codeFor(who))).body.id_token ?? '';

describe('a browser that is signed in', () => {
  it('signs in again when the sign-in is older than the application bears', async () => {
    expect(await outcomeOf({ max_age: '60' })).toBe('code');
    expect(await outcomeOf({ max_age: '0' })).toBe('Sign in');
    expect(await outcomeOf({ max_age: '0', prompt: 'none' })).toBe('login_required');
    logto.setClock(61);
    expect(await outcomeOf({ max_age: '60' })).toBe('Sign in');
    expect(await outcomeOf({ max_age: '60', prompt: 'none' })).toBe('login_required');
    expect(await outcomeOf({ max_age: '-1' })).toBe('invalid_request');
  });

  it('signs in again when the application expects somebody else', async () => {
    const [own, other] = [await hintOf('alice'), await hintOf('bob')];
    expect(await outcomeOf({ id_token_hint: own, prompt: 'none' })).toBe('code');
    expect(await outcomeOf({ id_token_hint: other })).toBe('Sign in');
    expect(await outcomeOf({ id_token_hint: other, prompt: 'none' })).toBe('login_required');
    expect(await outcomeOf({ id_token_hint: 'garbage' })).toBe('invalid_request');
  });

  it('passes silently only what was given in its session before', async () => {
    const spa = { client_id: 'spa000000000000000000', redirect_uri: 'http://localhost:5173/callback' };
    expect(await outcomeOf({ prompt: 'none' })).toBe('code');
    for (const more of [{ scope: 'openid profile email' }, { scope: 'openid read:reports' }, spa]) {
      expect(await outcomeOf({ prompt: 'none', ...more })).toBe('consent_required');
      expect(await outcomeOf(more)).toBe('code');
      expect(await outcomeOf({ prompt: 'none', ...more })).toBe('code');
    }
  });
});
