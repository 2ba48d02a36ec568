import { request as rawRequest } from 'node:http';
import { networkInterfaces } from 'node:os';
import { describe, expect, it } from '@jest/globals';
import { startLogtoEmulator } from '../../../src/emulators/logto/emulator.ts';
import { openBrowser, signInAs } from '../../support/logto-browser.ts';
import { challengeOf } from '../../support/logto-code-flow.ts';
import { type LogtoSuite, useLogto } from '../../support/logto-suite.ts';

let logto: LogtoSuite['logto'];
let flow: LogtoSuite['flow'];
useLogto((suite) => {
  ({ logto, flow } = suite);
});

describe('where the answer goes', () => {
  it.each([
    'http://localhost:3000/logto/sign-in-callback/',
    'http://localhost:3000/logto/sign-in-callback?x=1',
    'http://localhost:3000/logto/sign-in-callback#x',
    'http://localhost:3001/logto/sign-in-callback',
    'https://localhost:3000/logto/sign-in-callback',
    'http://LOCALHOST:3000/logto/sign-in-callback',
    'http://localhost:3000/logto/sign-in-callback/../evil',
    'http://localhost:3000@evil.example/logto/sign-in-callback',
    'http://evil.example/',
    'javascript:alert(1)',
  ])('is never %s, which is not registered', async (redirectUri) => {
    const page = await openBrowser(logto.url).request(flow.authorizationUrl({ redirect_uri: redirectUri }));
    expect([page.status, page.location]).toEqual([400, undefined]);
    expect(JSON.parse(page.text)).toMatchObject({ error: 'invalid_redirect_uri' });
  });

  it('is nowhere for an unknown, a machine or no application', async () => {
    for (const client_id of ['nobody', 'reporter000000000000a', '']) {
      const page = await openBrowser(logto.url).request(flow.authorizationUrl({ client_id }));
      expect([page.status, page.location]).toEqual([400, undefined]);
    }
  });

  it('is the registered address, with state and iss', async () => {
    const back = new URL(await signInAs(openBrowser(logto.url), flow.authorizationUrl(), 'alice'));
    expect(`${back.origin}${back.pathname}`).toBe('http://localhost:3000/logto/sign-in-callback');
    expect(Object.fromEntries(back.searchParams)).toMatchObject({ state: 'the-state', iss: logto.issuer });
  });

  it.each(['http://evil.example/', 'http://localhost:3000.evil.example', 'http://localhost:3000/other'])(
    'after sign-out is never %s',
    async (uri) => {
      const query = new URLSearchParams({
        client_id: 'webapp00000000000000a',
        post_logout_redirect_uri: uri,
      });
      const page = await openBrowser(logto.url).request(`/oidc/session/end?${query}`);
      expect([page.status, page.location]).toEqual([400, undefined]);
    },
  );

  it('does not follow app_id or other parameters of the pages', async () => {
    const browser = openBrowser(logto.url);
    await browser.visit(flow.authorizationUrl());
    const page = await browser.visit('/sign-in?redirect_uri=http://evil.example&app_id=evil');
    const answer = await browser.submit(page, '/sign-in?redirect_uri=http://evil.example', {
      pick: 'bob000000000',
    });
    expect(new URL(answer.location ?? '').origin).toBe('http://localhost:3000');
  });
});

describe('a code', () => {
  it('works once, and a second time kills what it gave', async () => {
    const code = await flow.codeFor('alice');
    const first = await flow.redeem(code);
    expect(first.status).toBe(200);
    expect((await flow.redeem(code)).status).toBe(400);
    const refreshed = await flow.refresh(first.body.refresh_token ?? '');
    expect([refreshed.status, refreshed.body.error]).toEqual([400, 'invalid_grant']);
  });

  it('is bound to its application, its address and its verifier, and to a minute', async () => {
    const attempts: Record<string, string>[] = [
      { redirect_uri: 'http://localhost:3000/' },
      { code_verifier: 'x'.repeat(43) },
      { code_verifier: '' },
    ];
    for (const changes of attempts) {
      const answer = await flow.redeem(await flow.codeFor('alice'), changes);
      expect([answer.status, answer.body.error]).toEqual([400, 'invalid_grant']);
    }
    const foreign = await flow.redeemAs('spa000000000000000000', await flow.codeFor('alice'));
    expect([foreign.status, foreign.body.error]).toEqual([400, 'invalid_grant']);
    const late = await flow.codeFor('alice');
    logto.setClock(61);
    expect((await flow.redeem(late)).body.error).toBe('invalid_grant');
    logto.setClock(0);
    expect((await flow.redeem(await flow.codeFor('alice'))).status).toBe(200);
  });

  it('cannot be downgraded: a verifier without a challenge is refused', async () => {
    const code = await flow.codeFor('alice', { code_challenge: '', code_challenge_method: '' });
    expect((await flow.redeem(code)).body.error).toBe('invalid_grant');
  });

  it.each([
    [{ code_challenge: '', code_challenge_method: '' }, 'PKCE'],
    [{ code_challenge_method: 'plain' }, 'code_challenge_method'],
    [{ code_challenge: 'short' }, 'code_challenge'],
  ])('is not given to a public application with %j', async (changes, reason) => {
    const url = flow.authorizationUrl({
      client_id: 'spa000000000000000000',
      redirect_uri: 'http://localhost:5173/callback',
      ...changes,
    });
    const page = await openBrowser(logto.url).request(url);
    const answer = new URL(page.location ?? '').searchParams;
    expect([answer.get('error'), answer.get('error_description')]).toEqual([
      'invalid_request',
      expect.stringContaining(reason),
    ]);
    expect(answer.has('code')).toBe(false);
  });
});

describe('credentials of applications', () => {
  it.each([
    ['a wrong secret', 'webapp00000000000000a', 'wrong'],
    ['an empty secret', 'webapp00000000000000a', ''],
    ['an unknown application', 'nobody', 'webapp-secret'],
    ['a secret for a public application', 'spa000000000000000000', 'anything'],
  ])('%s is refused', async (_name, id, secret) => {
    const answer = await flow.token({ grant_type: 'client_credentials' }, [id, secret]);
    expect([answer.status, answer.body.error]).toEqual([401, 'invalid_client']);
  });

  it('a confidential application cannot come without its secret', async () => {
    const answer = await flow.token({ grant_type: 'refresh_token', client_id: 'webapp00000000000000a' });
    expect([answer.status, answer.body.error]).toEqual([401, 'invalid_client']);
  });

  it('another application can neither use nor revoke a refresh token', async () => {
    const { body } = await flow.redeem(await flow.codeFor('alice'));
    const token = body.refresh_token ?? '';
    const stolen = await flow.token({
      grant_type: 'refresh_token',
      refresh_token: token,
      client_id: 'spa000000000000000000',
    });
    expect(stolen.body.error).toBe('invalid_grant');
    await flow.revoke(token, ['reporter000000000000a', 'reporter-secret']);
    expect((await flow.refresh(token)).status).toBe(200);
    await flow.revoke(token);
    expect((await flow.refresh(token)).status).toBe(400);
  });
});

describe('a refresh token of a public application', () => {
  it('rotates, works three seconds longer, and kills the grant when it is used later', async () => {
    const first = await flow.redeemAs('spa000000000000000000', await flow.codeForSpa('alice'));
    const old = first.body.refresh_token ?? '';
    const second = await flow.refreshSpa(old);
    expect(second.body.refresh_token).not.toBe(old);
    expect((await flow.refreshSpa(old)).status).toBe(200);
    logto.setClock(4);
    expect((await flow.refreshSpa(old)).body.error).toBe('invalid_grant');
    expect((await flow.refreshSpa(second.body.refresh_token ?? '')).body.error).toBe('invalid_grant');
  });

  it('does not slide: fourteen days after the sign-in it is over', async () => {
    const first = await flow.redeemAs('spa000000000000000000', await flow.codeForSpa('alice'));
    logto.setClock(13 * 86_400);
    const second = await flow.refreshSpa(first.body.refresh_token ?? '');
    expect(second.status).toBe(200);
    logto.setClock(15 * 86_400);
    expect((await flow.refreshSpa(second.body.refresh_token ?? '')).status).toBe(400);
  });
});

describe('the pages', () => {
  it('sign nobody in without the form’s own token, or from another browser', async () => {
    const browser = openBrowser(logto.url);
    const page = await browser.visit(flow.authorizationUrl());
    const forged = await browser.request('/sign-in', {
      method: 'POST',
      body: new URLSearchParams({ pick: 'alice0000000', csrf: 'guess' }),
    });
    expect([forged.status, browser.cookies.has('_session')]).toEqual([400, false]);
    const other = openBrowser(logto.url);
    await other.visit(flow.authorizationUrl());
    expect((await other.submit(page, '/sign-in', { pick: 'alice0000000' })).status).toBe(400);
    expect(other.cookies.has('_session')).toBe(false);
  });

  it('escape everything that a person or an application can name', async () => {
    const evil = '"><script>alert(1)</script>';
    const page = await openBrowser(logto.url).visit(flow.authorizationUrl({ login_hint: evil }));
    expect(page.text).not.toContain('<script>');
    expect(page.text).toContain('&quot;&gt;&lt;script&gt;');
    await logto.sendWebhook({ event: evil, hook: 'none' }).catch(() => undefined);
    const browser = openBrowser(logto.url);
    const form = await browser.visit(flow.authorizationUrl({ first_screen: 'register' }));
    await browser.submit(form, '/register', { username: 'eve', name: evil, password: 'long enough' });
    const inspector = await browser.visit('/');
    expect(inspector.text).toContain('&lt;script&gt;alert(1)');
    expect(inspector.text).not.toContain('<script>alert');
  });

  it('cannot be framed, kept or scripted', async () => {
    const { headers } = await openBrowser(logto.url).visit(flow.authorizationUrl());
    expect(headers.get('content-security-policy')).toMatch(
      /^default-src 'none'; style-src 'sha256-[^']+'; form-action 'self' http:\/\/localhost:3000; frame-ancestors 'none'; base-uri 'none'$/,
    );
    expect([headers.get('x-frame-options'), headers.get('cache-control')]).toEqual(['DENY', 'no-store']);
  });

  it('give a new session id at each sign-in, and take no id as a name', async () => {
    const browser = openBrowser(logto.url);
    await signInAs(browser, flow.authorizationUrl(), 'alice');
    const before = browser.cookies.get('_session');
    await signInAs(browser, flow.authorizationUrl({ prompt: 'login' }), 'alice');
    expect(browser.cookies.get('_session')).not.toBe(before);
    await expect(signInAs(openBrowser(logto.url), flow.authorizationUrl(), 'alice0000000')).rejects.toThrow(
      '401',
    );
  });

  it('replay a webhook only with the inspector’s own token', async () => {
    const answer = await openBrowser(logto.url).request('/deliveries/x/replay', {
      method: 'POST',
      body: new URLSearchParams({ csrf: 'guess' }),
    });
    expect(answer.status).toBe(403);
  });
});

describe('who can reach it', () => {
  const statusFor = (headers: Record<string, string>, path: string) =>
    new Promise<number | undefined>((resolve, reject) => {
      rawRequest(logto.url + path, { headers, family: 4 }, (res) => resolve(res.resume().statusCode))
        .on('error', reject)
        .end();
    });

  it('answers loopback names only, on every path', async () => {
    for (const path of ['/', '/oidc/jwks', '/api/users', '/sign-in', '/_emulator/state'])
      expect(await statusFor({ host: 'rebound.example' }, path)).toBe(421);
    expect(await statusFor({ host: 'localhost' }, '/oidc/jwks')).toBe(200);
  });

  it('listens on loopback only', async () => {
    const outer = Object.values(networkInterfaces())
      .flat()
      .find((one) => one && !one.internal && one.family === 'IPv4');
    if (!outer) return console.warn('SKIPPED: this machine has no address but loopback');
    await expect(fetch(`http://${outer.address}:${logto.port}/oidc/jwks`)).rejects.toThrow('fetch failed');
  });

  it('refuses to run in production', async () => {
    await expect(startLogtoEmulator({ production: true })).rejects.toThrow('production');
  });

  it('lets pages of other origins read the public documents, and registered ones the rest', async () => {
    const allowed = async (path: string, origin: string) =>
      (await fetch(logto.url + path, { headers: { origin } })).headers.get('access-control-allow-origin');
    expect(await allowed('/oidc/jwks', 'http://evil.example')).toBe('*');
    expect(await allowed('/oidc/me', 'http://evil.example')).toBeNull();
    expect(await allowed('/oidc/me', 'http://localhost:5173')).toBe('http://localhost:5173');
  });

  it('shows no private key, password or usable token in its state', async () => {
    const { body } = await flow.redeem(await flow.codeFor('alice'));
    const state = JSON.stringify(await (await fetch(`${logto.url}/_emulator/state`)).json());
    expect(state).toContain('alice0000000');
    for (const secret of [body.refresh_token, body.access_token, '"d":', '"password":'])
      expect(state).not.toContain(secret);
  });
});

it('the verifier of the tests fits its challenge', () => {
  // RFC 7636, appendix B.
  expect(challengeOf('dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk')).toBe(
    'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
  );
});
