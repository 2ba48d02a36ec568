import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { UpstreamUnavailable } from '../../src/errors.ts';
import { createManagementClient, type ManagementClient } from '../../src/logto/management.ts';
import { createManagementThrottle } from '../../src/logto/management-throttle.ts';
import { createTestClock } from '../support/sync-harness.ts';
import { type Identities, startIdentities } from '../support/sync-identities.ts';

let logto: Identities;
let client: ManagementClient;
const clock = createTestClock();

beforeAll(async () => {
  logto = await startIdentities();
});
afterAll(() => logto.close());
beforeEach(async () => {
  logto.reset();
  await client?.close();
  client = createManagementClient({
    endpoint: `${logto.url}/`,
    appId: 'app',
    appSecret: 'secret',
    resource: 'https://default.logto.app/api',
    timeoutMs: 500,
    clock,
  });
});
afterAll(() => client.close());

async function collect<T>(pages: AsyncIterable<T[]>): Promise<T[]> {
  const all: T[] = [];
  for await (const page of pages) all.push(...page);
  return all;
}

describe('the Management API client', () => {
  it('one token for many calls, renewed a minute early', async () => {
    logto.put('u1');
    const before = logto.tokens();
    await Promise.all(Array.from({ length: 10 }, () => client.user('u1')));
    expect(logto.tokens()).toBe(before + 1);
    clock.advance(3_539_000);
    await client.user('u1');
    expect(logto.tokens()).toBe(before + 1);
    clock.advance(2_000);
    await client.user('u1');
    expect(logto.tokens()).toBe(before + 2);
  });

  it('a token that Logto ended is replaced once', async () => {
    logto.put('u1');
    await client.user('u1');
    const before = logto.tokens();
    logto.endTokens();
    expect(await client.user('u1')).toMatchObject({ id: 'u1' });
    expect(logto.tokens()).toBe(before + 1);
    logto.setFault((path) => (path.startsWith('/api') ? { status: 401 } : undefined));
    await expect(client.user('u1')).rejects.toMatchObject({ logCode: 'logto_key_refused' });
    expect(logto.tokens()).toBe(before + 2);
  });

  it('reads a user, and knows that there is none', async () => {
    logto.put('u1', { name: 'Ann', profile: { givenName: 'Anna' }, updatedAt: 5 });
    expect(await client.user('u1')).toEqual({
      id: 'u1',
      username: 'u1',
      primaryEmail: 'u1@example.com',
      name: 'Ann',
      profile: { givenName: 'Anna' },
      isSuspended: false,
      updatedAt: 5,
    });
    expect(await client.user('nobody')).toBeUndefined();
    expect(await client.rolesOfUser('nobody')).toEqual([]);
    expect(await client.organization('nowhere')).toBeUndefined();
  });

  it('reads a user of whom little is known', async () => {
    const bare = (body: object) =>
      logto.setFault((path) => (path.startsWith('/api') ? { status: 200, body } : undefined));
    const nothing = { username: null, primaryEmail: null, name: null, profile: {} };
    bare({ id: 'u1', isSuspended: true });
    expect(await client.user('u1')).toEqual({ id: 'u1', isSuspended: true, ...nothing });
    bare({ id: 'u1', isSuspended: false, profile: { familyName: 'Ng' } });
    expect(await client.user('u1')).toMatchObject({ profile: { familyName: 'Ng' } });
  });

  it('roles and organizations, and the machines of a role', async () => {
    logto.machines.set('m1', { id: 'm1', name: 'M' });
    logto.role('robot', 'MachineToMachine');
    logto.give('m1', 'robot');
    logto.organizationRole('admin');
    logto.organization('acme', 'Acme');
    const [robot] = await client.roles();
    expect(await collect(client.applicationsOfRole(robot?.id ?? ''))).toEqual([{ id: 'm1', name: 'M' }]);
    expect(await client.organizationRoles()).toEqual([{ id: 'or-admin', name: 'admin', type: 'User' }]);
    expect(await collect(client.organizations())).toEqual([{ id: 'acme', name: 'Acme' }]);
  });

  it('counts pages, past the default of twenty', async () => {
    for (let i = 0; i < 230; i += 1) logto.put(`u${i}`);
    logto.role('viewer');
    for (let i = 0; i < 130; i += 1) logto.give(`u${i}`, 'viewer');
    const totals: number[] = [];
    const ids = new Set<string>();
    for await (const { items, total } of client.users()) {
      totals.push(total);
      for (const { id } of items) ids.add(id);
    }
    expect(ids.size).toBe(230);
    expect(totals).toEqual([230, 230, 230]);
    const [role] = await client.roles();
    expect(await collect(client.usersOfRole(role?.id ?? ''))).toHaveLength(130);
  });

  it('members with their roles, machines apart', async () => {
    logto.put('u1');
    logto.machines.set('m1', { id: 'm1', name: 'M' });
    logto.organizationRole('admin');
    logto.organization('acme', 'Acme');
    logto.member('acme', 'u1', 'admin');
    logto.member('acme', 'm1');
    expect(await client.organizationsOfUser('u1')).toEqual([
      { id: 'acme', name: 'Acme', organizationRoles: [{ id: 'or-admin', name: 'admin' }] },
    ]);
    expect(await collect(client.membersOf('acme'))).toMatchObject([
      { id: 'u1', organizationRoles: [{ name: 'admin' }] },
    ]);
    expect(await collect(client.applicationsOf('acme'))).toEqual([
      { id: 'm1', name: 'M', organizationRoles: [] },
    ]);
  });

  it('finds what could not be delivered', async () => {
    logto.failed.push({ id: 'l1', createdAt: 7, body: { event: 'User.Created' } });
    const [hook] = await client.hooks();
    expect(await client.failedDeliveries(hook?.id ?? '', 1)).toEqual([
      { id: 'l1', createdAt: 7, body: '{"event":"User.Created"}' },
    ]);
    expect(logto.requests.at(-1)).toContain('start_time=1');
    const log = (id: string, payload: object) => ({ id, createdAt: 8, payload });
    logto.setFault((path) =>
      path.endsWith('/recent-logs')
        ? {
            status: 200,
            body: [
              log('delivered', { result: 'Success', hookRequest: { body: {} } }),
              log('never sent', { result: 'Error' }),
            ],
          }
        : undefined,
    );
    expect(await client.failedDeliveries('hook', 1)).toEqual([]);
  });
});

describe('failures are outages, never an answer', () => {
  it.each<[string, Parameters<Identities['setFault']>[0], string]>([
    ['500', () => ({ status: 500 }), 'logto_unavailable'],
    ['429', () => ({ status: 429, headers: { 'retry-after': '9' } }), 'logto_rate_limited'],
    ['302', () => ({ status: 302, headers: { location: 'http://127.0.0.1:9/' } }), 'logto_unavailable'],
    ['403', (path) => (path.startsWith('/api') ? { status: 403 } : undefined), 'logto_key_refused'],
    ['token 400', (path) => (path === '/oidc/token' ? { status: 400 } : undefined), 'logto_key_refused'],
    ['hang', () => 'hang', 'logto_unavailable'],
    [
      '404 of something else',
      (path) => (path.startsWith('/api') ? { status: 404, body: {} } : undefined),
      'logto_malformed',
    ],
    [
      'another shape',
      (path) => (path.startsWith('/api') ? { status: 200, body: { id: 7 } } : undefined),
      'logto_malformed',
    ],
    [
      'a list that is none',
      (path) => (path.startsWith('/api') ? { status: 200, body: {} } : undefined),
      'logto_malformed',
    ],
  ])('%s', async (_, fault, logCode) => {
    logto.setFault(fault);
    await expect(client.user('u1')).rejects.toBeInstanceOf(UpstreamUnavailable);
    await expect(client.user('u1')).rejects.toMatchObject({ logCode });
    await expect(client.rolesOfUser('u1')).rejects.toMatchObject({ logCode });
    if (logCode === 'logto_rate_limited') {
      await expect(client.user('u1')).rejects.toMatchObject({ headers: { 'Retry-After': '9' } });
    }
  });

  it.each<[string, { body?: unknown; text?: string }]>([
    ['nothing', { text: '' }],
    ['no token', { body: { expires_in: 3_600 } }],
    ['no life span', { body: { access_token: 'token-1', expires_in: '3600' } }],
    ['a web page', { text: '<h1>Welcome</h1>' }],
  ])('a token endpoint that answers %s', async (_, answer) => {
    logto.setFault((path) => (path === '/oidc/token' ? { status: 200, ...answer } : undefined));
    await expect(client.user('u1')).rejects.toMatchObject({ logCode: 'logto_malformed' });
    logto.setFault(undefined);
    logto.put('u1');
    expect(await client.user('u1')).toMatchObject({ id: 'u1' });
  });

  it('an answer with nothing in it', async () => {
    logto.setFault((path) => (path.startsWith('/api') ? { status: 200, text: '' } : undefined));
    await expect(client.user('u1')).rejects.toMatchObject({ logCode: 'logto_malformed' });
  });

  it('never says the secret', async () => {
    logto.setFault(() => ({ status: 500 }));
    const error = (await client.user('u1').catch((e: unknown) => e)) as Error;
    expect(`${error.message} ${error.stack} ${JSON.stringify(error)}`).not.toContain('secret');
  });
});

describe('the limit of 200 calls in ten seconds', () => {
  it('leaves lists a part and single reads the rest', async () => {
    const take = createManagementThrottle({ calls: 8, windowMs: 10_000 }, clock);
    for (let i = 0; i < 6; i += 1) await take('list');
    let listed = false;
    const waiting = take('list').then(() => {
      listed = true;
    });
    await take('single');
    await take('single');
    expect(listed).toBe(false);
    clock.advance(10_001);
    await waiting;
    expect(listed).toBe(true);
  });

  it('a clock that was set back does not freeze it, and it is kept to from there', async () => {
    const take = createManagementThrottle({ calls: 2, windowMs: 10_000 }, clock);
    await take('single');
    await take('single');
    clock.advance(-3_600_000);
    await take('single');
    await take('single');
    let taken = false;
    const waiting = take('single').then(() => {
      taken = true;
    });
    await new Promise(setImmediate);
    expect(taken).toBe(false);
    clock.advance(10_001);
    await waiting;
  });

  it.each<[string, 'none' | { calls: number; windowMs: number } | undefined, number, string]>([
    ['is kept to with a Logto elsewhere', undefined, 200, 'http://0.0.0.0'],
    ['can be another', { calls: 3, windowMs: 10_000 }, 3, 'http://127.0.0.1'],
  ])('%s', async (_, limit, calls, host) => {
    const others = { appId: 'app', appSecret: 'secret', resource: 'https://default.logto.app/api', clock };
    // Another name for this machine, which is not known as one.
    const endpoint = logto.url.replace('http://127.0.0.1', host);
    const limited = createManagementClient({ endpoint, ...others, ...(limit ? { limit } : {}) });
    const free = createManagementClient({ endpoint, ...others, limit: 'none' });
    logto.put('u1');
    await Promise.all(Array.from({ length: calls }, () => limited.user('u1')));
    let answered = false;
    const waiting = limited.user('u1').then(() => {
      answered = true;
    });
    await Promise.all([free.user('u1'), free.user('u1')]);
    expect(answered).toBe(false);
    clock.advance(10_001);
    await waiting;
    expect(answered).toBe(true);
    await Promise.all([limited.close(), free.close()]);
  });
});
