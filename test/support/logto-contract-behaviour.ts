import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { openBrowser } from './logto-browser.ts';
import {
  alice,
  bodyOf,
  createFlows,
  m2m,
  organizationsResource,
  spa,
  type TokenRecording,
  web,
} from './logto-flows.ts';
import { recordingOf } from './logto-recordings.ts';
import { headerDifferences, shapeDifferences } from './logto-shapes.ts';
import { type Answer, api, type Difference, type World } from './logto-world.ts';

type Entry = TokenRecording & {
  status?: number;
  headers?: Record<string, string>;
  body?: unknown;
  params?: Record<string, string>;
  location?: string;
};

const area = 'Behaviour';
const ownScopes = 'openid offline_access read:documents write:documents';

/** What happens on role removal, suspension, deletion, revocation, sign-out, exchange and bad requests. */
export async function behaviourDifferences(world: World): Promise<Difference[]> {
  const recorded = recordingOf<Record<string, Entry>>(world.version, 'tokens-behaviour.json');
  const flows = createFlows(world);
  const found: Difference[] = [];
  const note = (request: string, difference: string) => found.push({ area, request, difference });
  const entryOf = (name: string): Entry => {
    const entry = recorded[name];
    if (!entry) throw new Error(`${name} was not recorded`);
    return entry;
  };
  const asked = (name: string) => entryOf(name).request ?? {};

  function check(name: string, answer: Answer): Answer {
    const entry = entryOf(name);
    const response = entry.response ?? { status: entry.status ?? 0, body: entry.body };
    found.push(...flows.compareTokens(area, name, { ...entry, response }, answer));
    return answer;
  }

  async function checkRedirect(name: string, url: string): Promise<void> {
    const page = await openBrowser(world.logto.url).request(url);
    const { params = {}, location } = entryOf(name);
    if (location !== undefined) {
      const actual = page.headers.get('location') ?? '';
      const plain = (text: string) =>
        text.replace(/localhost(:|%3A)\d+%2Foidc/g, '{issuer}').replace(/app_id=\w+/, 'app_id');
      if (plain(actual) !== plain(location))
        note(name, `location ${plain(actual)} instead of ${plain(location)}`);
      return;
    }
    const actual = Object.fromEntries(new URL(page.location ?? 'http://none').searchParams);
    const differing = Object.keys({ ...params, ...actual }).filter(
      (key) => key !== 'state' && key !== 'iss' && actual[key] !== params[key],
    );
    for (const key of differing) note(name, `${key}: ${actual[key]} instead of ${params[key]}`);
  }

  // Scopes of machines in organizations.
  for (const name of ['m2m_organization_api_resource_scoped', 'm2m_organization_scoped'])
    check(name, await flows.token(m2m, { grant_type: 'client_credentials', ...asked(name) }));

  // A role that goes and comes back.
  const signedIn = async (scope: string, resources: string[] = [api]) =>
    bodyOf(await (await flows.authorize('alice', { scope, resources })).exchange()).refresh_token ?? '';
  const plain = await signedIn(ownScopes);
  const editor = 'rjilu7kg3ffcobxb60bg6';
  check('scopes_before_role_removal', await flows.refresh(web, plain, asked('scopes_before_role_removal')));
  await world.call('DELETE', `/api/users/${alice}/roles/${editor}`);
  check('scopes_after_role_removal', await flows.refresh(web, plain, asked('scopes_after_role_removal')));
  await world.call('POST', `/api/users/${alice}/roles`, { roleIds: [editor] });
  check('scopes_after_role_back', await flows.refresh(web, plain, asked('scopes_after_role_back')));
  check('scope_not_in_auth_request', await flows.refresh(web, plain, asked('scope_not_in_auth_request')));

  // Organizations.
  check(
    'organization_without_organizations_scope',
    await flows.refresh(web, plain, asked('organization_without_organizations_scope')),
  );
  const noResource = await signedIn(
    'openid offline_access urn:logto:scope:organizations read:documents delete:documents',
  );
  for (const name of [
    'organization_token_without_organizations_resource',
    'organization_api_token_without_organizations_resource',
  ])
    check(name, await flows.refresh(web, noResource, asked(name)));

  // Bad requests.
  const unasked = await flows.authorize('alice', { scope: ownScopes, resources: [] });
  check(
    'code_exchange_resource_not_in_auth_request',
    await unasked.exchange(asked('code_exchange_resource_not_in_auth_request')),
  );
  await checkRedirect('auth_unknown_resource', flows.authorization({ resources: ['http://nobody'] }).url);
  await checkRedirect('auth_prompt_none_no_session', flows.authorization({ prompt: 'none' }).url);
  await checkRedirect('auth_without_pkce', flows.authorization({ pkce: false }).url);
  await checkRedirect(
    'auth_spa_without_pkce',
    flows.authorization({ app: spa, pkce: false, state: 'x' }).url,
  );
  const foreign = flows.authorization({ redirectUri: 'http://evil.example/callback' }).url;
  check('auth_bad_redirect_uri', await flows.get(foreign.slice(world.logto.url.length)));

  // Suspension and deletion end refresh and opaque tokens, for good.
  const made = await world.call('POST', '/api/users', { username: 'victim', password: 'victim' });
  const victim = bodyOf(made).id ?? '';
  const tokens = bodyOf(
    await (
      await flows.authorize('victim', { scope: 'openid offline_access read:documents', resources: [api] })
    ).exchange(),
  );
  const { refresh_token: refreshToken = '', access_token: opaque = '' } = tokens;
  await world.call('PATCH', `/api/users/${victim}/is-suspended`, { isSuspended: true });
  check('suspended_refresh', await flows.refresh(web, refreshToken, asked('suspended_refresh')));
  check('suspended_refresh_opaque', await flows.refresh(web, refreshToken));
  check('suspended_userinfo', await flows.get('/oidc/me', opaque));
  check(
    'suspended_introspection',
    await world.form('/oidc/token/introspection', { token: opaque }, flows.basic(web)),
  );
  await world.call('PATCH', `/api/users/${victim}/is-suspended`, { isSuspended: false });
  check('unsuspended_refresh', await flows.refresh(web, refreshToken, asked('unsuspended_refresh')));
  const again = bodyOf(
    await (await flows.authorize('victim', { scope: 'openid offline_access', resources: [] })).exchange(),
  );
  await world.call('DELETE', `/api/users/${victim}`);
  check('deleted_refresh', await flows.refresh(web, again.refresh_token ?? ''));
  check('deleted_userinfo', await flows.get('/oidc/me', again.access_token));

  // A new password ends nothing; a revocation ends the grant.
  const kept = bodyOf(
    await (await flows.authorize('alice', { scope: 'openid offline_access', resources: [] })).exchange(),
  );
  await world.call('PATCH', `/api/users/${alice}/password`, { password: 'alice-Passw0rd' });
  check('refresh_after_password_change_by_admin', await flows.refresh(web, kept.refresh_token ?? ''));
  const revocation = (token: string) => world.form('/oidc/token/revocation', { token }, flows.basic(web));
  check('revoke', await revocation(kept.refresh_token ?? ''));
  check('refresh_after_revocation', await flows.refresh(web, kept.refresh_token ?? ''));
  check('userinfo_after_revocation', await flows.get('/oidc/me', kept.access_token));
  const { token: jwt } = await world.logto.mintToken({ user: 'alice' });
  check('revoke_jwt', await revocation(jwt));

  // The resource's own lifetime.
  const resource = 'xaycnoli20zjyyoptr967';
  await world.call('PATCH', `/api/resources/${resource}`, { accessTokenTtl: 60 });
  check('short_lived', await flows.token(m2m, { grant_type: 'client_credentials', ...asked('short_lived') }));
  await world.call('PATCH', `/api/resources/${resource}`, { accessTokenTtl: 3600 });

  await exchange();
  await signOut();
  return found;

  async function exchange(): Promise<void> {
    const path = `/api/applications/${m2m}`;
    await world.call('PATCH', path, { customClientMetadata: { allowTokenExchange: true } });
    const subject = check(
      'subject_token',
      await world.call('POST', '/api/subject-tokens', { userId: alice }),
    );
    const personal = check(
      'personal_access_token',
      await world.call('POST', `/api/users/${alice}/personal-access-tokens`, { name: 'cli' }),
    );
    const grant = 'urn:ietf:params:oauth:grant-type:token-exchange';
    const asUser = (subject_token: string, kind: string, scope: string) =>
      flows.token(m2m, {
        grant_type: grant,
        subject_token,
        subject_token_type: `urn:logto:token-type:${kind}`,
        resource: api,
        scope,
      });
    check(
      'token_exchange_impersonation',
      await asUser(
        bodyOf(subject).subjectToken ?? '',
        'impersonation_token',
        'read:documents write:documents',
      ),
    );
    check(
      'token_exchange_pat',
      await asUser(bodyOf(personal).value ?? '', 'personal_access_token', 'read:documents'),
    );
  }

  async function signOut(): Promise<void> {
    const told: string[] = [];
    const receiver = createServer(async (req, res) => {
      const chunks: Buffer[] = [];
      for await (const chunk of req) chunks.push(chunk as Buffer);
      told.push(Buffer.concat(chunks).toString());
      res.end();
    });
    await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
    const backchannelLogoutUri = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`;
    await world.call('PATCH', `/api/applications/${web}`, {
      oidcClientMetadata: { backchannelLogoutUri, backchannelLogoutSessionRequired: true },
    });
    const browser = openBrowser(world.logto.url);
    const scope = 'openid offline_access profile';
    const tokens = bodyOf(
      await (
        await flows.authorize('alice', { scope, resources: [organizationsResource] }, browser)
      ).exchange(),
    );
    const idToken = tokens.id_token ?? '';
    const { decoded } = recordingOf<Record<string, { decoded: { header: unknown; payload: unknown } }>>(
      world.version,
      'tokens-behaviour.json',
    ).id_token_with_backchannel_session_required ?? { decoded: undefined };
    for (const difference of [
      ...shapeDifferences(decoded?.header, decodeProtectedHeader(idToken), 'header'),
      ...shapeDifferences(decoded?.payload, decodeJwt(idToken), 'payload'),
    ])
      note('id_token_with_backchannel_session_required', difference);

    const end = new URLSearchParams({
      id_token_hint: idToken,
      post_logout_redirect_uri: 'http://localhost:3000/',
      state: 'logout-state',
    });
    const page = await browser.visit(`/oidc/session/end?${end}`);
    if (page.status !== entryOf('end_session').status) note('end_session', `status ${page.status}`);
    const gone = await browser.submit(page, '/oidc/session/end/confirm', { logout: 'yes' });
    const confirmed = entryOf('end_session_confirm');
    if (gone.status !== confirmed.status || gone.location !== confirmed.location)
      note(
        'end_session_confirm',
        `${gone.status} ${gone.location} instead of ${confirmed.status} ${confirmed.location}`,
      );
    await world.logto.settled();
    const sent = told.map((body) => new URLSearchParams(body).get('logout_token') ?? '');
    const { backchannel_logout: logouts } = recordingOf<{
      backchannel_logout: { decoded: { header: object; payload: object } }[];
    }>(world.version, 'tokens-behaviour.json');
    if (sent.length !== logouts.length)
      note(
        'backchannel_logout',
        `${sent.length} logout token sent to a loopback address instead of ${logouts.length}`,
      );
    for (const [index, { decoded }] of logouts.entries())
      for (const difference of [
        ...shapeDifferences(decoded.header, decodeProtectedHeader(sent[index] ?? ''), 'header'),
        ...shapeDifferences(decoded.payload, decodeJwt(sent[index] ?? ''), 'payload'),
      ])
        note('backchannel_logout', difference);
    check('refresh_after_logout', await flows.refresh(web, tokens.refresh_token ?? ''));
    receiver.close();
    receiver.closeAllConnections();
  }
}

/** Discovery and key set, member for member. */
export async function documentDifferences(world: World): Promise<Difference[]> {
  const found: Difference[] = [];
  for (const [file, path] of [
    ['discovery.json', '/oidc/.well-known/openid-configuration'],
    ['jwks.json', '/oidc/jwks'],
  ] as const) {
    const recorded = recordingOf<{ status: number; headers: Record<string, string>; body: object }>(
      world.version,
      file,
    );
    const answer = await createFlows(world).get(path);
    const plain = (body: unknown) =>
      JSON.parse(JSON.stringify(body).replaceAll(/http:\/\/localhost:\d+/g, '{origin}')) as Record<
        string,
        unknown
      >;
    const [expected, actual] = [plain(recorded.body), plain(answer.body)];
    const differences = [
      ...headerDifferences(recorded.headers, answer.headers),
      ...shapeDifferences(expected, actual),
    ];
    if (file === 'discovery.json')
      for (const [key, value] of Object.entries(expected))
        if (JSON.stringify(value) !== JSON.stringify(actual[key])) differences.push(`${key}: another value`);
    found.push(...differences.map((difference) => ({ area: 'Documents', request: path, difference })));
  }
  return found;
}

/** The key set and a token after rotations to RSA and back. */
export async function rotationDifferences(world: World): Promise<Difference[]> {
  type Step = {
    note: string;
    jwks: object;
    accessTokenHeader: object;
    id_token_signing_alg_values_supported: object;
  };
  const { steps } = recordingOf<{ steps: Step[] }>('1.41', 'jwks-rotation.json');
  const found: Difference[] = [];
  const flows = createFlows(world);
  for (const step of steps) {
    if (/rotat/.test(step.note))
      await world.call('POST', '/api/configs/oidc/private-keys/rotate', {
        signingKeyAlgorithm: /RSA/.test(step.note) ? 'RSA' : 'EC',
      });
    const { body } = await flows.get('/oidc/jwks');
    const discovery = (await flows.get('/oidc/.well-known/openid-configuration')).body as Record<
      string,
      object
    >;
    const { token } = await world.logto.mintToken({ user: 'alice' });
    for (const difference of [
      ...shapeDifferences(step.jwks, body, 'jwks'),
      ...shapeDifferences(step.accessTokenHeader, decodeProtectedHeader(token), 'header'),
      ...shapeDifferences(
        step.id_token_signing_alg_values_supported,
        discovery.id_token_signing_alg_values_supported,
        'id_token_signing_alg_values_supported',
      ),
    ])
      found.push({ area: 'Key rotation', request: step.note, difference });
  }
  return found;
}
