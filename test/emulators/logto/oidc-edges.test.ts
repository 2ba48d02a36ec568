import { describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import { openBrowser, signInAs } from '../../support/logto-browser.ts';
import { type LogtoSuite, useLogto } from '../../support/logto-suite.ts';

const api = 'http://localhost:3000/api';
let logto: LogtoSuite['logto'];
let flow: LogtoSuite['flow'];
let call: LogtoSuite['call'];
useLogto((suite) => {
  ({ logto, flow, call } = suite);
});

describe('an authorization request', () => {
  const errorOf = async (changes: Record<string, string>) => {
    const page = await openBrowser(logto.url).request(flow.authorizationUrl(changes));
    return new URL(page.location ?? 'none:').searchParams.get('error');
  };

  it.each([
    [{ response_type: 'token' }, 'unsupported_response_type'],
    [{ scope: 'profile' }, 'invalid_request'],
    [{ prompt: 'none consent' }, 'invalid_request'],
    [{ prompt: 'whatever' }, 'invalid_request'],
    [{ prompt: 'none' }, 'login_required'],
    [{ resource: 'http://nobody' }, 'invalid_target'],
  ])('%j is refused by redirect: %s', async (changes, error) => {
    expect(await errorOf(changes)).toBe(error);
  });

  it('answers in the fragment or by form where that is asked for', async () => {
    const fragment = await signInAs(
      openBrowser(logto.url),
      flow.authorizationUrl({ response_mode: 'fragment' }),
      'bob',
    );
    expect(new URLSearchParams(new URL(fragment).hash.slice(1)).get('state')).toBe('the-state');
    const browser = openBrowser(logto.url);
    const page = await browser.visit(flow.authorizationUrl({ response_mode: 'form_post' }));
    const form = await browser.submit(page, '/sign-in', { pick: 'bob000000000' });
    expect(form.text).toContain('action="http://localhost:3000/logto/sign-in-callback"');
    expect(form.text).toMatch(/name="code" value="[\w-]{43}"/);
  });

  it('takes POST as well', async () => {
    const url = new URL(flow.authorizationUrl());
    const page = await openBrowser(logto.url).request('/oidc/auth', {
      method: 'POST',
      body: url.searchParams,
    });
    expect([page.status, new URL(page.location ?? 'none:').pathname]).toEqual([303, '/sign-in']);
  });

  it('goes to the sign-up page where that is the first screen, with the hint filled in otherwise', async () => {
    const first = await openBrowser(logto.url).visit(flow.authorizationUrl({ first_screen: 'register' }));
    expect(first.text).toContain('<h1>Create an account</h1>');
    const hinted = await openBrowser(logto.url).visit(flow.authorizationUrl({ login_hint: 'dave' }));
    expect(hinted.text).toContain('value="dave"');
  });

  it('passes through a browser that is signed in, unless it asks for a sign-in', async () => {
    const browser = openBrowser(logto.url);
    await signInAs(browser, flow.authorizationUrl(), 'alice');
    const through = await browser.request(flow.authorizationUrl({ prompt: 'none' }));
    expect(new URL(through.location ?? 'none:').searchParams.has('code')).toBe(true);
    const again = await browser.visit(flow.authorizationUrl({ prompt: 'login' }));
    expect(again.text).toContain('<h1>Sign in</h1>');
  });

  it('comes back as access_denied when the person cancels', async () => {
    const browser = openBrowser(logto.url);
    const answer = await browser.submit(await browser.visit(flow.authorizationUrl()), '/sign-in/cancel');
    expect(new URL(answer.location ?? 'none:').searchParams.get('error')).toBe('access_denied');
  });

  it('that has run out, or belongs to another browser, ends on a page that says so', async () => {
    const browser = openBrowser(logto.url);
    await browser.visit(flow.authorizationUrl());
    logto.setClock(3_601);
    for (const path of ['/sign-in', '/register', '/oidc/auth/anything']) {
      const page = await browser.visit(path);
      expect([page.status, page.text]).toEqual([400, expect.stringContaining('session.not_found')]);
    }
  });

  it('stops on a page when the account is suspended between the form and the code', async () => {
    const browser = openBrowser(logto.url);
    const page = await browser.visit(flow.authorizationUrl());
    const csrf = /name="csrf" value="([^"]+)"/.exec(page.text)?.[1] ?? '';
    const accepted = await browser.request('/sign-in', {
      method: 'POST',
      body: new URLSearchParams({ csrf, pick: 'bob000000000' }),
    });
    await call('PATCH', '/api/users/bob000000000/is-suspended', { isSuspended: true });
    const stopped = await browser.visit(accepted.location ?? '');
    expect([stopped.status, stopped.location]).toEqual([400, undefined]);
  });

  it('of a suspended person who was signed in asks for a sign-in', async () => {
    const browser = openBrowser(logto.url);
    await signInAs(browser, flow.authorizationUrl(), 'carol');
    await call('PATCH', '/api/users/carol0000000/is-suspended', { isSuspended: true });
    const page = await browser.visit(flow.authorizationUrl());
    expect(page.text).toContain('<h1>Sign in</h1>');
  });
});

describe('sign-up', () => {
  it.each([
    [{ username: '', email: '' }, 'Enter a username or an e-mail address.'],
    [{ username: '1bad' }, 'does not start with a digit'],
    [{ email: 'no-address' }, 'not an e-mail address'],
    [{ username: 'alice' }, 'already in use'],
    [{ email: 'ALICE@example.com' }, 'associated with an existing account'],
    [{ username: 'fresh', password: '' }, 'Enter a password.'],
  ])('%j: %s', async (fields, message) => {
    const browser = openBrowser(logto.url);
    const page = await browser.visit(flow.authorizationUrl({ first_screen: 'register' }));
    const answer = await browser.submit(page, '/register', { password: 'long enough', ...fields });
    expect([answer.status, answer.text]).toEqual([422, expect.stringContaining(message)]);
  });
});

describe('the token endpoint', () => {
  it.each([
    [{ grant_type: 'password' }, 'unsupported_grant_type'],
    [{ grant_type: 'constructor' }, 'unsupported_grant_type'],
    [{}, 'invalid_request'],
    [{ grant_type: 'authorization_code' }, 'invalid_request'],
    [{ grant_type: 'refresh_token', refresh_token: 'nothing' }, 'invalid_grant'],
    [{ grant_type: 'client_credentials', resource: api }, 'unauthorized_client'],
  ])('%j: %s', async (fields, error) => {
    const answer = await flow.token(fields as Record<string, string>, [
      'webapp00000000000000a',
      'webapp-secret',
    ]);
    expect(answer.body.error).toBe(error);
  });

  it('rotates a confidential application’s refresh token late in its life', async () => {
    const { body } = await flow.redeem(await flow.codeFor('alice'));
    logto.setClock(9 * 86_400);
    expect((await flow.refresh(body.refresh_token ?? '')).body.refresh_token).toBe(body.refresh_token);
    logto.setClock(10 * 86_400);
    expect((await flow.refresh(body.refresh_token ?? '')).body.refresh_token).not.toBe(body.refresh_token);
  });

  it('gives a machine the default resource where it names none', async () => {
    const [resource] = (await call('GET', '/api/resources?page=1')).body.filter(
      ({ indicator }: { indicator: string }) => indicator === api,
    );
    await call('PATCH', `/api/resources/${resource.id}/is-default`, { isDefault: true });
    const { body } = await flow.token({ grant_type: 'client_credentials' }, [
      'reporter000000000000a',
      'reporter-secret',
    ]);
    expect(decodeJwt(body.access_token ?? '').aud).toBe(api);
  });

  it('refuses an organization that demands more than the user has', async () => {
    await call('PATCH', '/api/organizations/acme00000000', { isMfaRequired: true });
    const scope = 'openid offline_access urn:logto:scope:organizations';
    const { body } = await flow.redeem(await flow.codeFor('alice', { scope }));
    const answer = await flow.refresh(body.refresh_token ?? '', { organization_id: 'acme00000000' });
    expect([answer.status, answer.body.error_description]).toEqual([
      403,
      'organization requires MFA but user has no MFA configured',
    ]);
  });
});

describe('token exchange', () => {
  const machine: [string, string] = ['reporter000000000000a', 'reporter-secret'];
  const grant = 'urn:ietf:params:oauth:grant-type:token-exchange';
  const impersonation = 'urn:logto:token-type:impersonation_token';
  const accessToken = 'urn:ietf:params:oauth:token-type:access_token';
  const allow = () =>
    call('PATCH', '/api/applications/reporter000000000000a', {
      customClientMetadata: { allowTokenExchange: true },
    });
  const subjectToken = async () =>
    (await call('POST', '/api/subject-tokens', { userId: 'alice0000000' })).body.subjectToken as string;
  const exchange = (subject_token: string, more: Record<string, string> = {}) =>
    flow.token(
      {
        grant_type: grant,
        subject_token,
        subject_token_type: impersonation,
        resource: api,
        scope: 'read:reports',
        ...more,
      },
      machine,
    );

  it('is off unless the application may', async () => {
    expect((await exchange(await subjectToken())).body.error).toBe('invalid_request');
    await allow();
    expect((await exchange(await subjectToken())).status).toBe(200);
  });

  it('uses an impersonation token once, for ten minutes, and not for a suspended user', async () => {
    await allow();
    const token = await subjectToken();
    expect((await exchange(token)).status).toBe(200);
    expect((await exchange(token)).body.error).toBe('invalid_grant');
    const late = await subjectToken();
    logto.setClock(601);
    expect((await exchange(late)).body.error).toBe('invalid_grant');
    logto.setClock(0);
    const suspended = await subjectToken();
    await call('PATCH', '/api/users/alice0000000/is-suspended', { isSuspended: true });
    expect((await exchange(suspended)).body.error).toBe('invalid_grant');
  });

  it('names who acts, within an organization too', async () => {
    await allow();
    const { body: actor } = await flow.redeem(await flow.codeFor('bob'));
    const { body } = await exchange(await subjectToken(), {
      actor_token: actor.access_token ?? '',
      actor_token_type: accessToken,
      organization_id: 'acme00000000',
    });
    expect(decodeJwt(body.access_token ?? '')).toMatchObject({
      sub: 'alice0000000',
      client_id: 'reporter000000000000a',
      act: { sub: 'bob000000000' },
      organization_id: 'acme00000000',
    });
  });

  it('takes opaque and own access tokens of users, and nothing else', async () => {
    await allow();
    const { body } = await flow.redeem(await flow.codeFor('bob'));
    const { token } = await logto.mintToken({ user: 'bob' });
    const as = (subject: string, type = accessToken) => exchange(subject, { subject_token_type: type });
    expect((await as(body.access_token ?? '')).status).toBe(200);
    expect((await as(token)).status).toBe(200);
    const idToken = (await logto.mintToken({ user: 'bob', fault: 'id-token' })).token;
    const machineToken = (await logto.mintToken({ machine: 'reporter' })).token;
    for (const bad of [idToken, machineToken, 'garbage', 'pat_x'])
      expect((await as(bad)).body.error).toBe('invalid_grant');
    expect((await as(token, 'urn:nonsense')).body.error).toBe('invalid_grant');
  });
});

describe('sign-out', () => {
  it('without an address ends on a page, and can be declined', async () => {
    const browser = openBrowser(logto.url);
    await signInAs(browser, flow.authorizationUrl(), 'alice');
    const stay = await browser.submit(await browser.visit('/oidc/session/end'), '/oidc/session/end/confirm');
    expect(stay.text).toContain('still signed in');
    expect(browser.cookies.has('_session')).toBe(true);
    const gone = await browser.submit(await browser.visit('/oidc/session/end'), '/oidc/session/end/confirm', {
      logout: 'yes',
    });
    expect(gone.text).toContain('You are signed out.');
    expect(browser.cookies.has('_session')).toBe(false);
  });

  it('takes no confirmation from elsewhere', async () => {
    const browser = openBrowser(logto.url);
    await signInAs(browser, flow.authorizationUrl(), 'alice');
    const foreign = await openBrowser(logto.url).visit('/oidc/session/end');
    const answer = await browser.submit(foreign, '/oidc/session/end/confirm', { logout: 'yes' });
    expect(answer.status).toBe(400);
    expect(browser.cookies.has('_session')).toBe(true);
  });
});
