import { describe, expect, it } from '@jest/globals';
import { openBrowser } from '../../support/logto-browser.ts';
import { challengeOf } from '../../support/logto-code-flow.ts';
import { type LogtoSuite, useLogto } from '../../support/logto-suite.ts';

const api = 'http://localhost:3000/api';
const webId = 'webapp00000000000000a';
const spaId = 'spa000000000000000000';
let logto: LogtoSuite['logto'];
let flow: LogtoSuite['flow'];
useLogto((suite) => {
  ({ logto, flow } = suite);
});

const basic = (id: string, secret: string) => ({ authorization: `Basic ${btoa(`${id}:${secret}`)}` });

describe('introspection by a public application', () => {
  const introspect = async (token = '') => {
    const body = new URLSearchParams({ token, client_id: spaId });
    return (await fetch(`${logto.url}/oidc/token/introspection`, { method: 'POST', body })).json();
  };
  it('tells about its own tokens alone', async () => {
    const foreign = (await flow.redeem(await flow.codeFor('alice'))).body;
    expect(await introspect(foreign.access_token)).toEqual({ active: false });
    expect(await introspect(foreign.refresh_token)).toEqual({ active: false });
    const own = (await flow.redeemAs(spaId, await flow.codeForSpa('alice'))).body;
    expect(await introspect(own.access_token)).toMatchObject({ active: true, client_id: spaId });
  });
});

it.each([
  [42, 400],
  [43, 200],
  [128, 200],
  [129, 400],
])('a verifier of %i characters: %i', async (length, status) => {
  const code_verifier = 'v'.repeat(length);
  const code = await flow.codeFor('alice', { code_challenge: challengeOf(code_verifier) });
  const answer = await flow.redeem(code, { code_verifier });
  expect([answer.status, answer.body.error]).toEqual([
    status,
    status === 200 ? undefined : 'invalid_request',
  ]);
});

it('a challenge’s method without a challenge is refused', async () => {
  const errorFor = async (changes: Record<string, string>) => {
    const page = await openBrowser(logto.url).request(
      flow.authorizationUrl({ code_challenge: '', ...changes }),
    );
    return new URL(page.location ?? 'none:').searchParams.get('error');
  };
  expect(await errorFor({})).toBe('invalid_request');
  expect(await errorFor({ code_challenge_method: '' })).toBeNull();
});

describe('the end of a session', () => {
  const end = async (fields: Record<string, string>) => {
    const query = new URLSearchParams({ post_logout_redirect_uri: 'http://localhost:3000', ...fields });
    const answer = await fetch(`${logto.url}/oidc/session/end?${query}`);
    return answer.status === 200 ? 200 : ((await answer.json()) as { error: string }).error;
  };
  const encoded = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const unsigned = () => `${encoded({ alg: 'none' })}.${encoded({ aud: webId, iss: logto.issuer })}.`;

  it('takes a hint that this issuer signed, however old', async () => {
    const { id_token = '' } = (await flow.redeem(await flow.codeFor('alice'))).body;
    logto.setClock(7 * 86_400);
    expect(await end({ id_token_hint: id_token })).toBe(200);
    expect(await end({ id_token_hint: id_token, client_id: spaId })).toBe('invalid_request');
  });

  it('refuses a hint that is unsigned, foreign or garbage, also beside a client_id', async () => {
    const foreign = await logto.mintToken({
      user: 'alice',
      claims: { aud: webId, iss: 'http://x' },
      header: { typ: 'JWT' },
    });
    for (const id_token_hint of [unsigned(), foreign.token, 'garbage'])
      for (const more of [{}, { client_id: webId }])
        expect(await end({ id_token_hint, ...more })).toBe('invalid_request');
  });

  it('refuses an application that nobody knows', async () => {
    expect(await end({ client_id: 'nobody' })).toBe('invalid_client');
    expect(await end({ client_id: webId })).toBe(200);
  });
});

it('userinfo is refused to a token without openid', async () => {
  const { refresh_token = '' } = (await flow.redeem(await flow.codeFor('alice'))).body;
  const meWith = async (scope: string) => {
    const { access_token } = (await flow.refresh(refresh_token, { scope })).body;
    return fetch(`${logto.url}/oidc/me`, { headers: { authorization: `Bearer ${access_token}` } });
  };
  const refused = await meWith('profile');
  expect([refused.status, await refused.json()]).toEqual([
    403,
    expect.objectContaining({
      error: 'insufficient_scope',
      error_description: 'access token missing openid scope',
      scope: 'openid',
    }),
  ]);
  expect((await meWith('openid profile')).status).toBe(200);
});

it('a parameter that comes twice at the token endpoint is refused, but for resource', async () => {
  const post = async (more: string) => {
    const answer = await fetch(`${logto.url}/oidc/token`, {
      method: 'POST',
      headers: {
        ...basic('reporter000000000000a', 'reporter-secret'),
        'content-type': 'application/x-www-form-urlencoded',
      },
      body: `grant_type=client_credentials&resource=${api}&scope=read:reports${more}`,
    });
    return [answer.status, ((await answer.json()) as { error?: string }).error];
  };
  expect(await post('&scope=write:reports')).toEqual([400, 'invalid_request']);
  expect(await post('')).toEqual([200, undefined]);
});
