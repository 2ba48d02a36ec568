import { createHash, randomBytes } from 'node:crypto';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { type Browser, openBrowser, signInAs } from './logto-browser.ts';
import { recording } from './logto-recordings.ts';
import { headerDifferences, shapeDifferences } from './logto-shapes.ts';
import { type Answer, api, type Difference, type World } from './logto-world.ts';

/** Applications and people of the recordings. */
export const web = 'a835dgve9we2g9yruj0ko';
export const spa = 'nrbg6zb3h0zi573akyb27';
export const m2m = 's1be8e6wlocp1t791q8wm';
export const backfill = 'tcmbzm63n75buu8xc0tuk';
export const alice = '6pp5pbuzb7ee';
const redirectUris: Record<string, string> = {
  [web]: 'http://localhost:3000/logto/sign-in-callback',
  [spa]: 'http://localhost:5173/callback',
};
const passwords: Record<string, string> = { alice: 'alice-Passw0rd', bob: 'bob-Passw0rd' };
export const organizationsResource = 'urn:logto:resource:organizations';

/** Everything that the recorded sign-in of the web application asked for. */
export const allScopes =
  new URL(recording<{ authUrl: string }>('auth-code-flow.json').authUrl).searchParams.get('scope') ?? '';

export type TokenRecording = {
  note?: string;
  request?: Record<string, string | string[]>;
  response: { status: number; headers?: Record<string, string>; body: unknown };
  decoded?: Record<string, { format?: string; header?: unknown; payload?: unknown }>;
};

export type AuthorizationOptions = {
  app?: string;
  scope?: string;
  resources?: string[];
  prompt?: string;
  pkce?: boolean;
  redirectUri?: string;
  state?: string;
};

export function createFlows(world: World) {
  const { logto, form, here, secrets } = world;

  function basic(app: string): [string, string] {
    return [here(app), secrets.get(app) ?? ''];
  }

  function authorization(options: AuthorizationOptions = {}) {
    const { app = web, scope = allScopes, resources = [api, organizationsResource], pkce = true } = options;
    const verifier = randomBytes(32).toString('base64url');
    const redirectUri = options.redirectUri ?? redirectUris[app] ?? '';
    const url = new URL(`${logto.url}/oidc/auth`);
    url.search = new URLSearchParams({
      client_id: here(app),
      redirect_uri: redirectUri,
      response_type: 'code',
      scope,
      state: options.state ?? 'the-state',
      ...(options.prompt === '' ? {} : { prompt: options.prompt ?? 'consent' }),
      ...(pkce
        ? {
            code_challenge: createHash('sha256').update(verifier).digest('base64url'),
            code_challenge_method: 'S256',
          }
        : {}),
    }).toString();
    for (const resource of resources) url.searchParams.append('resource', resource);
    return { url: url.href, verifier, redirectUri, app };
  }

  /** Signs in (or goes through, where the browser is signed in already) and returns how to redeem the code. */
  async function authorize(
    who: string,
    options: AuthorizationOptions = {},
    browser: Browser = openBrowser(logto.url),
  ) {
    const asked = authorization(options);
    const back = new URL(await signInAs(browser, asked.url, who, passwords[who] ?? who));
    const code = back.searchParams.get('code') ?? '';
    const exchange = (fields: Record<string, string | string[]> = {}) =>
      token(asked.app, {
        grant_type: 'authorization_code',
        code,
        redirect_uri: asked.redirectUri,
        code_verifier: asked.verifier,
        ...fields,
      });
    return { code, back, exchange, browser, ...asked };
  }

  function token(app: string, fields: Record<string, string | string[]>): Promise<Answer> {
    const translated = here(fields);
    return app === spa
      ? form('/oidc/token', { client_id: here(app), ...translated })
      : form('/oidc/token', translated, basic(app));
  }

  const refresh = (app: string, refreshToken: string, fields: Record<string, string | string[]> = {}) =>
    token(app, { ...fields, grant_type: 'refresh_token', refresh_token: refreshToken });

  /** Status, headers, body, and what the tokens say: header and claims by name, type and format. */
  function compareTokens(
    area: string,
    request: string,
    recorded: TokenRecording,
    answer: Answer,
  ): Difference[] {
    const { response, decoded = {} } = recorded;
    if (answer.status !== response.status)
      return [{ area, request, difference: `status ${answer.status} instead of ${response.status}` }];
    const found = [
      ...headerDifferences(response.headers, answer.headers),
      ...shapeDifferences(response.body, answer.body),
    ];
    const body = (answer.body ?? {}) as Record<string, unknown>;
    for (const [name, token] of Object.entries(decoded)) {
      const actual = body[name];
      if (!token.payload || typeof actual !== 'string' || actual.split('.').length !== 3) continue;
      found.push(
        ...shapeDifferences(token.header, decodeProtectedHeader(actual), `${name} header`),
        ...shapeDifferences(token.payload, decodeJwt(actual), name),
      );
    }
    const scope = (of: unknown) =>
      String((of as { scope?: string } | null)?.scope ?? '')
        .split(' ')
        .sort()
        .join(' ');
    if (response.status === 200 && scope(response.body) !== scope(body))
      found.push(`scope: "${scope(body)}" instead of "${scope(response.body)}"`);
    return found.map((difference) => ({ area, request, difference }));
  }

  async function get(path: string, bearer?: string): Promise<Answer> {
    const answer = await fetch(logto.url + path, {
      redirect: 'manual',
      ...(bearer ? { headers: { authorization: `Bearer ${bearer}` } } : {}),
    });
    const text = await answer.text();
    const isJson = answer.headers.get('content-type')?.includes('json');
    return { status: answer.status, headers: answer.headers, body: isJson ? JSON.parse(text) : text };
  }

  return { basic, authorization, authorize, token, refresh, compareTokens, get };
}

export type Flows = ReturnType<typeof createFlows>;

export const bodyOf = (answer: Answer) => (answer.body ?? {}) as Record<string, string>;
