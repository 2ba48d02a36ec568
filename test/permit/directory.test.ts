import { inspect } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { systemClock } from '../../src/clock.ts';
import { inBackground } from '../../src/database/background.ts';
import { createDirectory } from '../../src/permit/directory.ts';
import { createThrottle, limitsOf, vendorLimits } from '../../src/permit/directory-throttle.ts';
import { DirectoryError } from '../../src/sync/directory-error.ts';
import type { Directory } from '../../src/sync/ports.ts';
import { type Facts, type FactsFault, startFacts } from '../support/sync-facts.ts';

const SECRET = 'permit_key_of_a_test_that_nobody_may_read';
let facts: Facts;
let directory: Directory;

beforeAll(async () => {
  facts = await startFacts();
  directory = createDirectory({
    apiKey: SECRET,
    apiUrl: `${facts.url}/`,
    timeoutMs: 1000,
    clock: systemClock,
  });
});
afterAll(() => facts.close());
beforeEach(() => facts.reset());

async function failureOf(work: Promise<unknown>): Promise<DirectoryError> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(DirectoryError);
  return error as DirectoryError;
}

describe('the directory client', () => {
  it('creates, replaces, reads and deletes users', async () => {
    expect(await directory.syncUser({ key: 'u1', email: 'a@example.com', firstName: 'A' })).toEqual({
      created: true,
    });
    expect(await directory.syncUser({ key: 'u1', lastName: 'B', attributes: { plan: 'pro' } })).toEqual({
      created: false,
    });
    expect(await directory.getUser('u1')).toEqual({ key: 'u1', lastName: 'B', attributes: { plan: 'pro' } });
    await directory.deleteUser('u1');
    expect(await directory.getUser('u1')).toBeUndefined();
  });

  it('keys with a bar are one path segment', async () => {
    await directory.syncUser({ key: 'm2m|app' });
    expect(await directory.getUser('m2m|app')).toEqual({ key: 'm2m|app' });
  });

  it('what is there already and what is gone already are successes', async () => {
    await directory.syncUser({ key: 'u1' });
    const assignment = { user: 'u1', role: 'viewer', tenant: 'default' };
    await directory.assign(assignment);
    await directory.assign(assignment);
    expect(await directory.assignmentsOf('u1')).toEqual([assignment]);
    await directory.unassign(assignment);
    await directory.unassign(assignment);
    await directory.deleteUser('nobody');
    await directory.deleteTenant('nowhere');
    expect(await directory.hasTenant('nowhere')).toBe(false);
    await directory.upsertTenant({ key: 'somewhere', name: 'Somewhere' });
    expect(await directory.hasTenant('somewhere')).toBe(true);
    expect(await directory.assignmentsOf('u1')).toEqual([]);
  });

  it('renames a tenant without touching what a person wrote there', async () => {
    await directory.upsertTenant({ key: 'acme', name: 'Acme' });
    facts.tenants.set('acme', { ...facts.tenants.get('acme'), description: 'by hand' });
    await directory.upsertTenant({ key: 'acme', name: 'A stub' }, { onlyNew: true });
    expect(facts.tenants.get('acme')).toMatchObject({ name: 'Acme' });
    await directory.upsertTenant({ key: 'acme', name: 'Acme Inc.' });
    expect(facts.tenants.get('acme')).toEqual({ key: 'acme', name: 'Acme Inc.', description: 'by hand' });
    const writes = facts.writes();
    await directory.upsertTenant({ key: 'acme', name: 'Acme Inc.' });
    expect(facts.writes()).toBe(writes);
  });

  it('a tenant that somebody else makes in between is there, under our name', async () => {
    facts.tenants.set('acme', { key: 'acme', name: 'Acme' });
    facts.setFault(({ method, path }) =>
      method === 'GET' && path.endsWith('/tenants/acme')
        ? { status: 404, body: { error_code: 'NOT_FOUND' } }
        : undefined,
    );
    await directory.upsertTenant({ key: 'acme', name: 'Acme Inc.' });
    expect(facts.tenants.get('acme')).toMatchObject({ name: 'Acme Inc.' });
  });

  it('an assignment that names no tenant belongs to none', async () => {
    facts.setFault(({ path }) =>
      path.endsWith('/role_assignments')
        ? { status: 200, body: [{ user: 'u1', role: 'viewer', tenant: null }] }
        : undefined,
    );
    expect(await directory.assignmentsOf('u1')).toEqual([{ user: 'u1', role: 'viewer', tenant: '' }]);
  });

  it('a role on an object that must exist does not make it', async () => {
    await directory.syncUser({ key: 'u1' });
    const owner = { user: 'u1', role: 'owner', tenant: 'default', resourceInstance: 'reports:1' };
    expect((await failureOf(directory.assign(owner, { onlyExisting: true }))).kind).toBe('refused-input');
    expect(facts.instances.size).toBe(0);
    await directory.assign(owner);
    await directory.assign(owner, { onlyExisting: true });
    expect(await directory.assignmentsOf('u1')).toEqual([owner]);
  });

  it('reads every page', async () => {
    await directory.syncUsers(Array.from({ length: 250 }, (_, i) => ({ key: `u${i}` })));
    await directory.assignMany(
      Array.from({ length: 250 }, (_, i) => ({ user: `u${i}`, role: 'viewer', tenant: 'default' })),
    );
    const users: string[] = [];
    for await (const page of directory.listUsers()) users.push(...page.map((u) => u.key));
    expect(new Set(users).size).toBe(250);
    let assignments = 0;
    for await (const page of directory.listAssignments()) assignments += page.length;
    expect(assignments).toBe(250);
  });

  it('cuts what is too much for one call', async () => {
    const many = Array.from({ length: 4100 }, (_, i) => ({ key: `u${i}` }));
    await directory.syncUsers(many);
    await directory.assignMany(many.map(({ key }) => ({ user: key, role: 'viewer', tenant: 'default' })));
    await directory.unassignMany(many.map(({ key }) => ({ user: key, role: 'viewer', tenant: 'default' })));
    const bulk = facts.requests.filter((r) => r.path.includes('bulk'));
    expect(bulk.map((r) => r.method)).toEqual([
      'PUT',
      'PUT',
      'POST',
      'POST',
      'POST',
      'DELETE',
      'DELETE',
      'DELETE',
    ]);
    expect(facts.assignmentCount()).toBe(0);
  });

  it('asks for the scope of the key once, also at the start of many calls', async () => {
    const fresh = createDirectory({ apiKey: SECRET, apiUrl: facts.url, clock: systemClock });
    await Promise.all(Array.from({ length: 10 }, () => fresh.getUser('u1')));
    expect(facts.requests.filter((r) => r.path === '/v2/api-key/scope')).toHaveLength(1);
  });
});

describe('failures', () => {
  it.each<[string, ReturnType<FactsFault>, string]>([
    ['401', { status: 401 }, 'refused-key'],
    ['403', { status: 403, body: { error_code: 'FORBIDDEN_ACCESS' } }, 'refused-key'],
    ['404', { status: 404, body: { error_code: 'NOT_FOUND' } }, 'refused-input'],
    ['404 of a proxy', { status: 404, body: 'default backend' }, 'unavailable'],
    ['409', { status: 409, body: { error_code: 'DUPLICATE_ENTITY' } }, 'refused-input'],
    [
      '422',
      { status: 422, body: { detail: [{ loc: ['body', 'email'], msg: 'x', type: 'y' }] } },
      'refused-input',
    ],
    ['424', { status: 424 }, 'unavailable'],
    ['429', { status: 429, headers: { 'retry-after': '7' } }, 'rate-limited'],
    ['500', { status: 500 }, 'unavailable'],
    ['502 with null', { status: 502, body: null }, 'unavailable'],
    ['307', { status: 307, headers: { location: 'http://127.0.0.1:9/' } }, 'unavailable'],
    ['reset', 'reset', 'unavailable'],
    ['hang', 'hang', 'unavailable'],
    ['422 of another shape', { status: 422, body: { detail: [null, { msg: 'x' }] } }, 'refused-input'],
    ['422 in words', { status: 422, body: { detail: 'no' } }, 'refused-input'],
  ])('%s', async (_, answer, kind) => {
    await directory.getUser('warm');
    facts.setFault(() => answer);
    const error = await failureOf(directory.syncUser({ key: 'u1', email: 'secret@example.com' }));
    expect(error.kind).toBe(kind);
    if (kind === 'rate-limited') expect(error.retryAfterMs).toBe(7000);
    for (const text of [inspect(error, { depth: 10 }), JSON.stringify(error), String(error.stack)]) {
      expect(text).not.toContain(SECRET);
      expect(text).not.toContain('secret@example.com');
    }
  });

  it('a 404 that is not the vendor\u2019s is no "already gone"', async () => {
    const assignment = { user: 'u1', role: 'viewer', tenant: 'default' };
    await directory.syncUser({ key: 'u1' });
    await directory.assign(assignment);
    facts.setFault(() => ({ status: 404, body: 'default backend' }));
    const fresh = createDirectory({ apiKey: SECRET, apiUrl: facts.url, clock: systemClock });
    for (const at of [directory, fresh]) {
      expect((await failureOf(at.unassign(assignment))).kind).toBe('unavailable');
      expect((await failureOf(at.deleteUser('u1'))).kind).toBe('unavailable');
      expect((await failureOf(at.getUser('u1'))).kind).toBe('unavailable');
    }
    // The key's scope, asked ahead of everything, is no answer about the user either.
    facts.setFault(({ path }) =>
      path.endsWith('/scope') ? { status: 404, body: { error_code: 'NOT_FOUND' } } : undefined,
    );
    expect((await failureOf(fresh.unassign(assignment))).kind).toBe('unavailable');
    facts.setFault(undefined);
    expect(await fresh.assignmentsOf('u1')).toEqual([assignment]);
  });

  it('a limit is told with its wait also when the key was asked about', async () => {
    const fresh = createDirectory({ apiKey: SECRET, apiUrl: facts.url, clock: systemClock });
    facts.setFault(() => ({ status: 429, headers: { 'retry-after': '7' } }));
    expect(await failureOf(fresh.getUser('u1'))).toMatchObject({ kind: 'rate-limited', retryAfterMs: 7_000 });
    facts.setFault(undefined);
    expect(await fresh.getUser('u1')).toBeUndefined();
  });

  it('a key that is refused at once says so, and the next call asks again', async () => {
    const fresh = createDirectory({ apiKey: SECRET, apiUrl: facts.url, clock: systemClock });
    facts.setFault(() => ({ status: 401 }));
    expect((await failureOf(fresh.getUser('u1'))).kind).toBe('refused-key');
    facts.setFault(undefined);
    expect(await fresh.getUser('u1')).toBeUndefined();
  });

  it.each([
    ['of an organization', { organization_id: 'o', project_id: null, environment_id: null }],
    ['of a project', { organization_id: 'o', project_id: 'p', environment_id: null }],
    ['of nothing', null],
  ])('a key %s is not ours', async (_, body) => {
    const fresh = createDirectory({ apiKey: SECRET, apiUrl: facts.url, clock: systemClock });
    facts.setFault(() => ({ status: 200, body }));
    expect((await failureOf(fresh.getUser('u1'))).kind).toBe('refused-key');
  });

  it.each<[string, (from: Directory) => AsyncIterable<unknown>]>([
    ['users', (from) => from.listUsers()],
    ['tenants', (from) => from.listTenants()],
    ['assignments', (from) => from.listAssignments()],
  ])('a page of %s that is none is no page without anybody', async (_, list) => {
    await directory.getUser('warm');
    facts.setFault(() => ({ status: 200, body: { message: 'under maintenance' } }));
    const read = async () => {
      for await (const _page of list(directory));
    };
    expect((await failureOf(read())).kind).toBe('unavailable');
    facts.setFault(undefined);
    await read();
  });

  it('nothing listens', async () => {
    const lost = createDirectory({ apiKey: SECRET, apiUrl: 'http://127.0.0.1:9', clock: systemClock });
    expect((await failureOf(lost.getUser('u1'))).kind).toBe('unavailable');
  });
});

describe('the vendor’s limits', () => {
  it('hold at the vendor, and where they are asked for', () => {
    expect(limitsOf('https://api.permit.io')).toBe(vendorLimits);
    expect(limitsOf('https://permit.io.example.com')).toBeUndefined();
    expect(limitsOf('http://127.0.0.1:7766', 'vendor')).toBe(vendorLimits);
    expect(limitsOf('https://api.permit.io', 'none')).toBeUndefined();
  });

  it('a request does not wait for a window that opens too late, other work does', async () => {
    let nowMs = 0;
    const limit = { calls: 1, windowMs: 60_000 };
    const clock = { now: () => nowMs };
    const take = createThrottle({ all: limit, read: limit, write: limit, delete: limit, bulk: limit }, clock);
    await take('read');
    const error = await failureOf(take('read'));
    expect(error).toMatchObject({ kind: 'rate-limited', retryAfterMs: 60_000 });
    const waiting = inBackground(() => take('read'));
    nowMs = 60_000;
    await waiting;
    // A clock that was set back does not freeze it, and it is kept to from there.
    nowMs = 30_000;
    await take('read');
    expect(await failureOf(take('read'))).toMatchObject({ kind: 'rate-limited', retryAfterMs: 60_000 });
  });

  it('a window is filled and then waited for', async () => {
    const limit = { calls: 1000, windowMs: 60_000 };
    const take = createThrottle(
      { all: limit, read: limit, write: { calls: 3, windowMs: 100 }, delete: limit, bulk: limit },
      systemClock,
    );
    const startedAt = performance.now();
    for (let i = 0; i < 7; i += 1) await take('write');
    expect(performance.now() - startedAt).toBeGreaterThan(190);
    await take('read');
  });
});
