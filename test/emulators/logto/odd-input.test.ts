import { describe, expect, it } from '@jest/globals';
import { openBrowser } from '../../support/logto-browser.ts';
import { type LogtoSuite, useLogto } from '../../support/logto-suite.ts';

let logto: LogtoSuite['logto'];
let flow: LogtoSuite['flow'];
let call: LogtoSuite['call'];
useLogto((suite) => {
  ({ logto, flow, call } = suite);
});

describe('a form field that comes twice', () => {
  it.each([
    ['/sign-in', 'identifier', 401],
    ['/register', 'username', 422],
    ['/register', 'password', 422],
  ])('counts as none: %s, %s', async (path, twice, status) => {
    const browser = openBrowser(logto.url);
    const form = await browser.visit(flow.authorizationUrl({ prompt: 'login' }));
    const csrf = /name="csrf" value="([^"]*)"/.exec(form.text)?.[1] ?? '';
    const fields = { csrf, identifier: 'alice', username: 'zed', password: 'password' };
    const body = new URLSearchParams(fields);
    body.append(twice, 'another');
    const refused = await browser.request(path, { method: 'POST', body });
    expect([refused.status, refused.text.includes(' at ')]).toEqual([status, false]);
    const once = await browser.request(path, { method: 'POST', body: new URLSearchParams(fields) });
    expect(once.status).toBe(303);
  });
});

describe('the address of an application', () => {
  const create = (oidcClientMetadata: object) =>
    call('POST', '/api/applications', { name: 'x', type: 'Native', oidcClientMetadata });

  it.each(['not a url', 'javascript:alert(1)', 'JavaScript:alert(1)', 'data:text/html,x', ''])(
    'is not %j',
    async (uri) => {
      for (const metadata of [
        { redirectUris: [uri], postLogoutRedirectUris: [] },
        { redirectUris: [], postLogoutRedirectUris: [uri] },
      ]) {
        const refused = await create(metadata);
        expect([refused.status, refused.body.code]).toEqual([400, 'guard.invalid_input']);
      }
      const path = '/api/applications/webapp00000000000000a';
      const changed = await call('PATCH', path, { oidcClientMetadata: { redirectUris: [uri] } });
      expect(changed.status).toBe(400);
    },
  );

  it('may have a scheme of its own, as native applications do', async () => {
    const redirectUris = ['io.example.app://callback', 'http://localhost:8080/callback'];
    const { status, body } = await create({ redirectUris, postLogoutRedirectUris: [] });
    expect([status, body.oidcClientMetadata.redirectUris]).toEqual([200, redirectUris]);
  });
});

it('a malformed path is refused without a stack', async () => {
  const answer = await fetch(`${logto.url}/oidc/auth/%E0%A4%A`);
  expect([answer.status, await answer.json()]).toEqual([
    400,
    expect.objectContaining({ error: 'invalid_request' }),
  ]);
  const page = await fetch(`${logto.url}/deliveries/%E0%A4%A/replay`, { method: 'POST' });
  expect([page.status, await page.json()]).toEqual([
    400,
    expect.objectContaining({ code: 'invalid_request' }),
  ]);
});
