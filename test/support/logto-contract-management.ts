import { openBrowser, registerAs } from './logto-browser.ts';
import { alice, createFlows } from './logto-flows.ts';
import { type Exchange, managementRecordings, recording } from './logto-recordings.ts';
import type { Difference, World } from './logto-world.ts';

const USERS = 45;

/** Asks everything that was asked of the recorded Management API, in the same state, and compares the answers. */
export async function managementDifferences(world: World): Promise<Difference[]> {
  const found = [...world.setUpDifferences];
  await prepare(world);
  for (const file of managementRecordings) {
    const recorded = recording<Record<string, Exchange>>(`management-api/${file}.json`);
    for (const [name, exchange] of Object.entries(recorded)) {
      if (typeof exchange !== 'object' || !('request' in exchange)) continue;
      const { method, path, body } = exchange.request;
      const answer = await world.call(method, pathFor(world, name, path), body);
      found.push(...world.compare('Management API', `${file}: ${name}`, exchange, answer));
    }
  }
  return [...found, ...(await errorDifferences(world))];
}

/** Members come in the order of ids, which are others here: alice's page is asked for wherever it is. */
function pathFor({ here }: World, name: string, path: string): string {
  const last = here(alice) > here('e8k7jmo61p4r');
  return name === 'acme_paged' && last ? path.replace('page=1', 'page=2') : path;
}

/** What had happened on the recorded server before the lists were read. */
async function prepare(world: World): Promise<void> {
  const { call, ids } = world;
  const flows = createFlows(world);
  await flows.authorize('alice');
  await flows.authorize('bob');
  const lonely = (await call('POST', '/api/users', { username: 'lonely' })).body as { id: string };
  ids.set('t9yoqnzmvtfl', lonely.id);
  await call('PATCH', '/api/users/e8k7jmo61p4r', { primaryEmail: 'bob@example.com' });
  await call('POST', '/api/organizations/9ij1naitofqx/users', { userIds: ['e8k7jmo61p4r'] });
  await call('POST', '/api/organizations/9ij1naitofqx/users/e8k7jmo61p4r/roles', {
    organizationRoleIds: ['n564sefxmszdves3epcbc'],
  });
  await call('PATCH', '/api/organizations/9ij1naitofqx', { description: 'changed' });
  const browser = openBrowser(world.logto.url);
  await registerAs(browser, flows.authorization().url, { email: 'frank@example.com' });
  for (let n = 0; n < USERS; n += 1) {
    const username = `user${String(n).padStart(3, '0')}`;
    await call('POST', '/api/users', { username, name: `User ${n}`, primaryEmail: `user${n}@example.com` });
  }
  await world.logto.settled();
}

async function errorDifferences(world: World): Promise<Difference[]> {
  const found: Difference[] = [];
  const recorded = recording<Record<string, Exchange>>('management-api/errors.json');
  for (const [name, exchange] of Object.entries(recorded)) {
    if (typeof exchange !== 'object' || !('request' in exchange)) continue;
    const { method, path, body } = exchange.request;
    const authorization = await authorizationFor(world, name);
    const query = name === 'own_tenant_management_token' ? '?page_size=1' : '';
    const answer = await world.call(method, path + query, body, authorization);
    found.push(...world.compare('Management API errors', name, exchange, answer));
  }
  return found;
}

async function authorizationFor(world: World, name: string): Promise<string | undefined> {
  const { logto } = world;
  const minted = async (request: Parameters<typeof logto.mintToken>[0]) =>
    `Bearer ${(await logto.mintToken(request)).token}`;
  switch (name) {
    case 'no_token':
      return '';
    case 'not_bearer':
      return 'Basic abc';
    case 'garbage_token':
      return 'Bearer garbage';
    case 'token_for_another_resource':
      return minted({ machine: 'Worker', scopes: ['read:documents'] });
    case 'management_token_without_scope_all':
      return `Bearer ${await world.managementToken('nothing')}`;
    case 'm2m_without_management_role':
      return minted({ machine: 'Worker', resource: 'https://default.logto.app/api', scopes: [] });
    case 'bad_signature':
      return minted({ machine: 'seeder', resource: 'https://default.logto.app/api', fault: 'bad-signature' });
    default:
      return undefined;
  }
}
