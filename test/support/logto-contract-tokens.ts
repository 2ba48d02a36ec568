import { openBrowser } from './logto-browser.ts';
import {
  allScopes,
  backfill,
  bodyOf,
  createFlows,
  m2m,
  spa,
  type TokenRecording,
  web,
} from './logto-flows.ts';
import { recordingOf } from './logto-recordings.ts';
import { type Answer, api, type Difference, type World } from './logto-world.ts';

type Recorded = Record<
  string,
  TokenRecording & { status?: number; headers?: Record<string, string>; body?: unknown }
>;

/** Gets every token in the way in which the recorded one was got, and compares answers, headers and claims. */
export async function tokenDifferences(world: World): Promise<Difference[]> {
  const recorded = recordingOf<Recorded>(world.version, 'tokens.json');
  const flows = createFlows(world);
  const found: Difference[] = [];

  function check(name: string, answer: Answer): Answer {
    const entry = recorded[name];
    if (!entry) throw new Error(`${name} was not recorded`);
    const response = entry.response ?? {
      status: entry.status ?? 0,
      headers: entry.headers,
      body: entry.body,
    };
    found.push(...flows.compareTokens('Tokens', name, { ...entry, response }, answer));
    return answer;
  }
  const asRecorded = (name: string) => recorded[name]?.request ?? {};

  for (const name of Object.keys(recorded).filter((key) => key.startsWith('m2m_'))) {
    if (name === 'm2m_management_api_admin_tenant') continue;
    const app = name === 'm2m_management_api_own_tenant' ? backfill : m2m;
    const answer =
      name === 'm2m_bad_secret'
        ? await world.form('/oidc/token', { grant_type: 'client_credentials' }, [world.here(m2m), 'wrong'])
        : await flows.token(app, asRecorded(name));
    check(name, answer);
  }

  const first = await flows.authorize('alice');
  const exchanged = check('web_code_exchange', await first.exchange());
  check('code_reuse', await first.exchange());
  check('refresh_after_code_reuse', await flows.refresh(web, bodyOf(exchanged).refresh_token ?? ''));

  const browser = openBrowser(world.logto.url);
  const second = check('web_code_exchange_2', await (await flows.authorize('alice', {}, browser)).exchange());
  const { refresh_token: refreshToken = '', access_token: opaque = '' } = bodyOf(second);
  let jwt = '';
  for (const name of Object.keys(recorded).filter((key) => key.startsWith('user_'))) {
    const answer = check(name, await flows.refresh(web, refreshToken, asRecorded(name)));
    if (name === 'user_api_resource') jwt = bodyOf(answer).access_token ?? '';
    const rotated = answer.status === 200 && bodyOf(answer).refresh_token !== refreshToken;
    if (rotated) found.push({ area: 'Tokens', request: name, difference: 'refresh token was rotated' });
  }

  check('userinfo', await flows.get('/oidc/me', opaque));
  check('userinfo_with_api_jwt', await flows.get('/oidc/me', jwt));
  const introspect = (token: string, app = web) =>
    world.form('/oidc/token/introspection', { token }, flows.basic(app));
  check('introspect_opaque', await introspect(opaque));
  check('introspect_jwt', await introspect(jwt));
  check('introspect_garbage', await introspect('garbage'));
  check('introspect_refresh_token', await introspect(refreshToken));
  check('introspect_opaque_as_other_app', await introspect(opaque, m2m));

  const narrow = { scope: allScopes.replace('delete:documents ', '') };
  check(
    'web_code_exchange_with_resource',
    await (await flows.authorize('alice', narrow, browser)).exchange({ resource: api }),
  );
  const sso = { scope: 'openid profile', resources: [], prompt: '' };
  check('web_minimal_sso', await (await flows.authorize('alice', sso, browser)).exchange());
  const offline = { scope: 'openid offline_access', resources: [], prompt: '' };
  check(
    'web_offline_without_consent_prompt',
    await (await flows.authorize('alice', offline, browser)).exchange(),
  );

  const spaScope = 'openid offline_access profile roles read:documents write:documents delete:documents';
  const single = check(
    'spa_code_exchange',
    await (await flows.authorize('alice', { app: spa, scope: spaScope, resources: [api] })).exchange(),
  );
  const old = bodyOf(single).refresh_token ?? '';
  const refreshed = check('spa_api_resource', await flows.refresh(spa, old, { resource: api }));
  check('spa_refresh_reuse_at_once', await flows.refresh(spa, old, { resource: api }));
  world.logto.setClock(4.5);
  check('spa_refresh_reuse_after_4s', await flows.refresh(spa, old, { resource: api }));
  const next = bodyOf(refreshed).refresh_token ?? '';
  check('spa_refresh_after_reuse', await flows.refresh(spa, next, { resource: api }));
  world.logto.setClock(0);

  check('bob_api_resource_no_role', await (await flows.authorize('bob')).exchange({ resource: api }));
  return found;
}
