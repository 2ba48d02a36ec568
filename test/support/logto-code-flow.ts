import { createHash } from 'node:crypto';
import type { LogtoEmulator } from '../../src/emulators/logto/emulator.ts';
import { openBrowser, signInAs } from './logto-browser.ts';

const api = 'http://localhost:3000/api';
const verifier = 'a-verifier-of-the-tests-that-is-long-enough-0123456789';
const spa = 'spa000000000000000000';
const spaCallback = 'http://localhost:5173/callback';
const web: [string, string] = ['webapp00000000000000a', 'webapp-secret'];

export const challengeOf = (text: string) => createHash('sha256').update(text).digest('base64url');

type TokenAnswer = { status: number; body: Record<string, string> };

/** The code flow by hand, so that every part of it can be wrong. */
export function createCodeFlow(logto: LogtoEmulator) {
  /** Empty text takes a parameter away. */
  function authorizationUrl(changes: Record<string, string> = {}): string {
    const parameters: Record<string, string> = {
      client_id: web[0],
      redirect_uri: 'http://localhost:3000/logto/sign-in-callback',
      response_type: 'code',
      scope: 'openid offline_access profile read:reports',
      prompt: 'consent',
      state: 'the-state',
      resource: api,
      code_challenge: challengeOf(verifier),
      code_challenge_method: 'S256',
      ...changes,
    };
    const given = Object.entries(parameters).filter(([, value]) => value !== '');
    return `${logto.url}/oidc/auth?${new URLSearchParams(given)}`;
  }

  async function post(
    path: string,
    fields: Record<string, string>,
    basic?: [string, string],
  ): Promise<TokenAnswer> {
    const answer = await fetch(logto.url + path, {
      method: 'POST',
      body: new URLSearchParams(fields),
      ...(basic ? { headers: { authorization: `Basic ${btoa(basic.join(':'))}` } } : {}),
    });
    const text = await answer.text();
    return { status: answer.status, body: text === '' ? {} : JSON.parse(text) };
  }
  const token = (fields: Record<string, string>, basic?: [string, string]) =>
    post('/oidc/token', fields, basic);

  async function codeFor(who: string, changes: Record<string, string> = {}): Promise<string> {
    const back = await signInAs(openBrowser(logto.url), authorizationUrl(changes), who);
    return new URL(back).searchParams.get('code') ?? '';
  }

  const codeFields = (code: string, changes: Record<string, string>) =>
    Object.fromEntries(
      Object.entries({
        grant_type: 'authorization_code',
        code,
        redirect_uri: 'http://localhost:3000/logto/sign-in-callback',
        code_verifier: verifier,
        ...changes,
      }).filter(([, value]) => value !== ''),
    );

  return {
    authorizationUrl,
    token,
    codeFor,
    codeForSpa: (who: string) => codeFor(who, { client_id: spa, redirect_uri: spaCallback }),
    redeem: (code: string, changes: Record<string, string> = {}) => token(codeFields(code, changes), web),
    redeemAs: (client_id: string, code: string) =>
      token(codeFields(code, { client_id, redirect_uri: spaCallback })),
    refresh: (refresh_token: string, fields: Record<string, string> = {}) =>
      token({ grant_type: 'refresh_token', refresh_token, ...fields }, web),
    refreshSpa: (refresh_token: string) =>
      token({ grant_type: 'refresh_token', refresh_token, client_id: spa }),
    revoke: (refreshToken: string, basic: [string, string] = web) =>
      post('/oidc/token/revocation', { token: refreshToken }, basic),
  };
}
