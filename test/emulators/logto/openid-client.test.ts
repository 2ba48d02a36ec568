import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import * as client from 'openid-client';
import { type LogtoEmulator, startLogtoEmulator } from '../../../src/emulators/logto/emulator.ts';
import { openBrowser, signInAs } from '../../support/logto-browser.ts';

const api = 'http://localhost:3000/api';
let logto: LogtoEmulator;
beforeAll(async () => {
  logto = await startLogtoEmulator();
});
afterAll(() => logto.close());

const discover = (id: string, secret?: string, authentication?: client.ClientAuth) =>
  client.discovery(new URL(logto.issuer), id, secret, authentication, {
    execute: [client.allowInsecureRequests],
  });

async function signIn(config: client.Configuration, redirectUri: string) {
  const verifier = client.randomPKCECodeVerifier();
  const state = client.randomState();
  const nonce = client.randomNonce();
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: redirectUri,
    scope: 'openid offline_access profile read:reports',
    resource: api,
    prompt: 'consent',
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state,
    nonce,
  });
  const back = await signInAs(openBrowser(logto.url), url.href, 'bob@example.com');
  return client.authorizationCodeGrant(config, new URL(back), {
    pkceCodeVerifier: verifier,
    expectedState: state,
    expectedNonce: nonce,
    idTokenExpected: true,
  });
}

describe('a client on openid-client', () => {
  it('runs the code flow of a confidential application, with nonce and iss', async () => {
    const config = await discover('webapp00000000000000a', 'webapp-secret');
    const tokens = await signIn(config, 'http://localhost:3000/logto/sign-in-callback');
    expect(tokens.claims()).toMatchObject({ sub: 'bob000000000', username: 'bob' });
    const info = await client.fetchUserInfo(config, tokens.access_token, 'bob000000000');
    expect(info).toMatchObject({ name: 'Bob Baker' });

    const refreshed = await client.refreshTokenGrant(config, tokens.refresh_token ?? '', { resource: api });
    expect(refreshed.access_token.split('.')).toHaveLength(3);
    const state = await client.tokenIntrospection(config, tokens.access_token);
    expect(state).toMatchObject({ active: true, sub: 'bob000000000' });
    await client.tokenRevocation(config, refreshed.refresh_token ?? '');
    await expect(client.refreshTokenGrant(config, refreshed.refresh_token ?? '')).rejects.toMatchObject({
      error: 'invalid_grant',
    });
  });

  it('runs it for a public application, whose refresh token rotates', async () => {
    const config = await discover('spa000000000000000000', undefined, client.None());
    const tokens = await signIn(config, 'http://localhost:5173/callback');
    const refreshed = await client.refreshTokenGrant(config, tokens.refresh_token ?? '', { resource: api });
    expect(refreshed.refresh_token).not.toBe(tokens.refresh_token);
  });

  it('gets a machine token', async () => {
    const config = await discover('reporter000000000000a', 'reporter-secret');
    const tokens = await client.clientCredentialsGrant(config, { resource: api, scope: 'read:reports' });
    expect(tokens).toMatchObject({ scope: 'read:reports', expires_in: 3600 });
  });
});
