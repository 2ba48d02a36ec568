import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  type PermitEmulator,
  startPermitEmulator,
} from '../../../src/emulators/permit/start-permit-emulator.ts';
import { createConformance } from '../../support/permit-conformance.ts';
import { examplePolicy } from '../../support/permit-policy.ts';

const conformance = createConformance();
let emulator: PermitEmulator;
beforeAll(async () => {
  emulator = await startPermitEmulator({
    policy: examplePolicy,
    ...(conformance ? { observe: conformance.observe } : {}),
  });
});
afterAll(() => emulator.close());

type Answer = { status: number; body: never; type: string | null };
async function call(
  method: string,
  path: string,
  body?: unknown,
  key = emulator.keys.environment,
): Promise<Answer> {
  const answer = await fetch(`${emulator.url}${path.replace(/^(facts|schema)\//, '/v2/$1/default/dev/')}`, {
    method,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await answer.text();
  const type = answer.headers.get('content-type');
  return { status: answer.status, body: (text === '' ? undefined : JSON.parse(text)) as never, type };
}
const detailOf = (answer: Answer) => (answer.body as { detail: { loc: unknown[]; type: string }[] }).detail;

describe('bodies', () => {
  it.each<[string, string, unknown, unknown[], string]>([
    ['POST', 'facts/users', {}, ['body', 'key'], 'value_error.missing'],
    ['POST', 'facts/users', { key: 'a', extra: 1 }, ['body', 'extra'], 'value_error.extra'],
    ['POST', 'facts/users', { key: 'a b' }, ['body', 'key'], 'value_error.str.regex'],
    ['POST', 'facts/users', { key: 7 }, ['body', 'key'], 'type_error.string'],
    ['POST', 'facts/users', { key: 'a', email: '' }, ['body', 'email'], 'value_error.email'],
    ['POST', 'facts/users', { key: 'a', attributes: [] }, ['body', 'attributes'], 'value_error'],
    [
      'POST',
      'facts/users',
      { key: 'a', role_assignments: [{}] },
      ['body', 'role_assignments', 0, 'role'],
      'value_error.missing',
    ],
    ['POST', 'facts/tenants', { key: 'a|b', name: 'A' }, ['body', 'key'], 'value_error.str.regex'],
    ['POST', 'facts/tenants', { key: 'Acme Inc.', name: 'A' }, ['body', 'key'], 'value_error.str.regex'],
    ['POST', 'facts/role_assignments', { user: 'alice0000000' }, ['body', 'role'], 'value_error.missing'],
    ['DELETE', 'facts/role_assignments', { user: 'a', role: 'b' }, ['body', 'tenant'], 'value_error.missing'],
    [
      'POST',
      'facts/bulk/users',
      { operations: [{ key: 'ok' }, {}] },
      ['body', 'operations', 1, 'key'],
      'value_error.missing',
    ],
    ['POST', 'schema/resources', { key: 'a', name: 'A' }, ['body', 'actions'], 'value_error.missing'],
    [
      'POST',
      'schema/resources',
      { key: 'a', name: 'A', actions: { 'b c': {} } },
      ['body', 'actions', 'b c'],
      'value_error',
    ],
    [
      'POST',
      'schema/resources',
      { key: 'a', name: 'A', actions: {}, attributes: { x: { type: 'date' } } },
      ['body', 'attributes', 'x', 'type'],
      'type_error.enum',
    ],
    [
      'POST',
      'schema/roles',
      { key: 'a', name: 'A', permissions: 'x' },
      ['body', 'permissions'],
      'type_error.array',
    ],
    ['POST', 'facts/users', '{', ['body'], 'value_error.jsondecode'],
    ['POST', 'facts/users', undefined, ['body'], 'value_error.missing'],
  ])('%s %s %j is refused at %j', async (method, path, body, loc, type) => {
    const answer = await call(method, path, body);
    expect(answer.status).toBe(422);
    expect(detailOf(answer)).toContainEqual(expect.objectContaining({ loc, type }));
  });

  it('reads null as left out', async () => {
    const answer = await call('POST', 'facts/users', { key: 'nulls', email: null, attributes: null });
    expect(answer).toMatchObject({ status: 200, body: { email: null, attributes: null } });
  });

  it('keeps a member called __proto__ as any other', async () => {
    const sent = '{"key":"proto","attributes":{"__proto__":{"admin":true}}}';
    expect((await call('POST', 'facts/users', sent)).status).toBe(200);
    const answer = await call('GET', 'facts/users/proto');
    expect(JSON.stringify(answer.body)).toContain('{"__proto__":{"admin":true}}');
    expect(({} as { admin?: unknown }).admin).toBeUndefined();
  });

  it("refuses a PUT whose key is not the path's", async () => {
    expect((await call('PUT', 'facts/users/one', { key: 'two' })).status).toBe(422);
    expect((await call('PUT', 'facts/users/auth0%7Cone', { key: 'auth0|one' })).status).toBe(201);
    expect((await call('PUT', 'facts/users/auth0%7Cone', { key: 'auth0|one' })).status).toBe(200);
  });

  it.each([
    ['reports', 'INVALID_PERMISSION_FORMAT', 400],
    ['reports:a:b', 'INVALID_PERMISSION_FORMAT', 400],
    ['reports:fly', 'NOT_FOUND', 404],
    ['cars:view', 'NOT_FOUND', 404],
  ])('refuses the permission %s', async (permission, error_code, status) => {
    const answer = await call('POST', 'schema/roles', { key: 'r', name: 'R', permissions: [permission] });
    expect(answer).toMatchObject({ status, body: { error_code } });
    expect(answer.type).toBe('application/json');
    expect((await call('GET', 'schema/roles/r')).status).toBe(404);
  });
});

describe('lists', () => {
  it.each(['page=0', 'page=-1', 'page=x', 'per_page=0', 'per_page=101', 'include_total_count=maybe'])(
    'refuses ?%s',
    async (query) => {
      expect((await call('GET', `facts/tenants?${query}`)).status).toBe(422);
    },
  );

  it('cuts pages, and counts when asked to', async () => {
    const operations = Array.from({ length: 45 }, (_, i) => ({ key: `page-${i}`, name: `${i}` }));
    await call('POST', 'facts/bulk/tenants', { operations });
    expect((await call('GET', 'facts/tenants?search=page-')).body).toHaveLength(30);
    expect((await call('GET', 'facts/tenants?search=page-&page=2')).body).toHaveLength(15);
    expect((await call('GET', 'facts/tenants?search=page-&page=9')).body).toEqual([]);
    const counted = await call('GET', 'facts/tenants?search=page-&per_page=10&include_total_count=true');
    expect(counted.body).toMatchObject({ total_count: 45, page_count: 5 });
    // Assignments alone take up to a thousand a page.
    expect((await call('GET', 'facts/role_assignments?per_page=1000')).status).toBe(200);
    expect((await call('GET', 'facts/role_assignments?per_page=1001')).status).toBe(422);
    await call('DELETE', 'facts/bulk/tenants', { idents: operations.map(({ key }) => key) });
  });

  it('filters tenants by attribute and users by role', async () => {
    await call('POST', 'facts/tenants', {
      key: 'gold',
      name: 'Gold',
      attributes: { plan: 'gold', seats: 5 },
    });
    const keys = async (query: string) =>
      ((await call('GET', `facts/tenants?${query}`)).body as { key: string }[]).map(({ key }) => key);
    expect(await keys('attr_plan=gold')).toEqual(['gold']);
    expect(await keys('attr_seats=5')).toEqual(['gold']);
    expect(await keys('attr_plan=silver')).toEqual([]);
    const users = async (query: string) =>
      ((await call('GET', `facts/users?${query}`)).body as { data: { key: string }[] }).data.map(
        ({ key }) => key,
      );
    expect(await users('role=admin')).toEqual(['alice0000000', 'erin00000000']);
    expect(await users('role=')).toContain('mallory00000');
    expect(await users('search=ALICE@&search_operator=startswith')).toEqual(['alice0000000']);
  });
});

describe('methods, keys and bulk', () => {
  it('says which methods a path has, and 501 for what it lacks', async () => {
    expect(await call('PATCH', 'facts/users')).toMatchObject({ status: 405 });
    expect(await call('GET', '/v2/policy_guards/scopes')).toMatchObject({
      status: 501,
      body: { code: 'not_emulated' },
    });
    expect((await call('GET', '//v2/api-key/scope')).status).toBe(501);
  });

  it('refuses an unknown key everywhere, before it looks at anything else', async () => {
    const refused = { status: 401, body: { error_code: 'UNAUTHORIZED' } };
    expect(await call('GET', 'facts/users', undefined, 'nobody')).toMatchObject(refused);
    expect(await call('POST', 'facts/users', '{', 'nobody')).toMatchObject(refused);
  });

  it('assigns to missing users as it is told', async () => {
    const body = [{ user: 'not-there', role: 'viewer', tenant: 'default' }];
    const bulk = (policy: string) =>
      call('POST', `facts/role_assignments/bulk?missing_user_policy=${policy}`, body);
    expect((await bulk('fail')).status).toBe(404);
    expect((await bulk('ignore')).body).toEqual({ assignments_created: 0 });
    expect((await call('GET', 'facts/users/not-there')).status).toBe(404);
    expect((await bulk('create')).body).toEqual({ assignments_created: 1 });
    expect((await call('GET', 'facts/users/not-there')).status).toBe(200);
    expect((await bulk('perhaps')).status).toBe(422);
  });

  it('creates and replaces roles in bulk, all or none', async () => {
    const operations = [
      { key: 'clerk', name: 'Clerk', permissions: ['reports:view'] },
      { key: 'stamper', name: 'Stamper', resource: 'reports', permissions: ['view'] },
    ];
    const put = (items: unknown[]) => call('PUT', 'schema/bulk/roles', { operations: items });
    expect((await put([...operations, { key: 'bad', name: 'Bad', permissions: ['a:b'] }])).status).toBe(404);
    expect((await call('GET', 'schema/roles/clerk')).status).toBe(404);
    expect((await put(operations)).body).toEqual({ created: ['clerk', 'reports#stamper'], updated: [] });
    expect((await put(operations)).body).toEqual({ created: [], updated: ['clerk', 'reports#stamper'] });
  });

  it('returns what it unassigned when asked to', async () => {
    const body = { user: 'dave00000000', role: 'viewer', tenant: 'default' };
    const answer = await call('DELETE', 'facts/role_assignments?return_deleted=true', body);
    expect(answer).toMatchObject({ status: 200, body });
    expect((await call('DELETE', 'facts/role_assignments', body)).status).toBe(404);
  });

  it('does not touch what is built in', async () => {
    expect((await call('DELETE', 'schema/resources/__user')).status).toBe(403);
    expect((await call('DELETE', 'schema/users/attributes/email')).status).toBe(403);
    const all = (await call('GET', 'schema/resources?include_built_in=true')).body as { key: string }[];
    expect(all.map(({ key }) => key)).toEqual(['__user', '__tenant', 'reports', 'folders']);
  });
});

describe('what must not pass for something else', () => {
  const alice = 'alice0000000';
  const count = async () =>
    (
      (await call('GET', `facts/role_assignments?user=${alice}&include_total_count=true`)).body as {
        total_count: number;
      }
    ).total_count;

  it('an empty name is a name that nothing has, not one that was left out', async () => {
    const before = await count();
    const tenantRole = { user: alice, role: 'viewer', tenant: 'default' };
    const readsOne = { ...tenantRole, role: 'reader', resource_instance: 'reports:strict' };
    for (const body of [
      { ...tenantRole, resource_instance: '' },
      { ...tenantRole, tenant: '' },
      { ...readsOne, tenant: '' },
      { ...readsOne, role: 'folders#reader' },
      { ...readsOne, role: '#reader' },
    ]) {
      expect(await call('POST', 'facts/role_assignments', body)).toMatchObject({ status: 404 });
      expect(await call('POST', 'facts/role_assignments/bulk', [body])).toMatchObject({ status: 404 });
    }
    const tuple = { subject: 'folders:f', relation: 'parent', object: 'reports:strict', tenant: '' };
    expect(await call('POST', 'facts/relationship_tuples', tuple)).toMatchObject({ status: 404 });
    expect(await count()).toBe(before);
    for (const role of ['reader', 'reports#reader']) {
      const body = { ...readsOne, role };
      expect(await call('POST', 'facts/role_assignments', body)).toMatchObject({ status: 200 });
      expect(
        await call('DELETE', 'facts/role_assignments', { ...body, resource_instance: '' }),
      ).toMatchObject({
        status: 404,
      });
      expect(await call('DELETE', 'facts/role_assignments', body)).toMatchObject({ status: 204 });
    }
  });

  it.each<[string, string, number, (i: number) => unknown]>([
    ['POST', 'facts/bulk/users', 3000, (i) => ({ key: `many-${i}` })],
    ['POST', 'facts/bulk/tenants', 2000, (i) => ({ key: `many-${i}`, name: 'Many' })],
    [
      'PUT',
      'facts/bulk/resource_instances',
      3000,
      (i) => ({ key: `m${i}`, resource: 'reports', tenant: 'default' }),
    ],
    [
      'POST',
      'facts/role_assignments/bulk',
      2000,
      (i) => ({ user: `many-${i}`, role: 'viewer', tenant: 'default' }),
    ],
  ])('%s %s takes %i and no more', async (method, path, most, item) => {
    const send = (size: number) => {
      const items = Array.from({ length: size }, (_, i) => item(i));
      return call(method, path, path.endsWith('assignments/bulk') ? items : { operations: items });
    };
    expect(await send(most + 1)).toMatchObject({ status: 422 });
    expect(await send(most)).toMatchObject({ status: 200 });
  });

  it('bytes that are no UTF-8 are no JSON, and change nothing', async () => {
    const send = (path: string, bytes: Buffer) =>
      fetch(`${emulator.url}${path}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${emulator.keys.environment}`, 'content-type': 'application/json' },
        body: new Uint8Array(bytes),
      });
    const user = (name: string, encoding: BufferEncoding) =>
      Buffer.from(`{"key":"encoded","first_name":"${name}"}`, encoding);
    expect((await send('/v2/facts/default/dev/users', user('Zo\u00eb', 'latin1'))).status).toBe(422);
    expect((await call('GET', 'facts/users/encoded')).status).toBe(404);
    expect((await send('/v2/facts/default/dev/users', user('Zo\u00eb', 'utf8'))).status).toBe(200);
    const asked =
      '{"user":{"key":"\u00eb"},"action":"view","resource":{"type":"reports","tenant":"default"}}';
    expect((await send('/allowed', Buffer.from(asked, 'latin1'))).status).toBe(400);
    expect((await send('/allowed', Buffer.from(asked, 'utf8'))).status).toBe(200);
  });

  it.each([
    ['0x10', 400],
    ['ten', 400],
    ['1e1', 200],
  ])('waits for %s: %i', async (seconds, status) => {
    const answer = await fetch(`${emulator.url}/v2/facts/default/dev/users/encoded`, {
      method: 'PATCH',
      headers: {
        authorization: `Bearer ${emulator.keys.environment}`,
        'content-type': 'application/json',
        'x-wait-timeout': seconds,
      },
      body: '{"last_name":"B"}',
    });
    expect(answer.status).toBe(status);
  });
});

describe('the conformance layer', () => {
  it('found no difference, and would find one', () => {
    if (!conformance) return;
    expect(conformance.violations()).toEqual([]);
    const exchange = {
      method: 'GET',
      operation: '/v2/api-key/scope',
      query: new URLSearchParams(),
      body: undefined,
      answer: { status: 200, body: { organization_id: emulator.keys.environment } },
    };
    const second = createConformance();
    second?.observe(exchange);
    second?.observe({
      ...exchange,
      answer: { status: 200, body: { organization_id: 'a'.repeat(32), more: 1 } },
    });
    second?.observe({ ...exchange, answer: { status: 418, body: {} } });
    second?.observe({ ...exchange, operation: '/v2/nothing' });
    expect(second?.violations()).toHaveLength(4);
  });
});
