import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { observeHandlers } from '../../src/index.ts';
import { type AppStack, startAppStack } from '../support/app-stack.ts';

const logged: Record<string, unknown>[] = [];
const log = pino({}, { write: (line: string) => void logged.push(JSON.parse(line)) });
let stack: AppStack;
const ran: string[] = [];
beforeAll(async () => {
  stack = await startAppStack({ log });
  observeHandlers(stack.app, (handler) => ran.push(handler));
});
afterAll(() => stack.close());

const input = { title: 'Quarter', body: 'Numbers' };
const cursorOf = (position: unknown) => Buffer.from(JSON.stringify(position)).toString('base64url');
const create = async (who: string, more = {}) =>
  (await stack.call(who, 'POST', '/api/reports', { ...input, ...more })).body;

async function refused(
  who: string | undefined,
  method: string,
  path: string,
  status: number,
  body?: unknown,
) {
  ran.length = 0;
  const answer = await stack.call(who, method, path, body);
  expect({
    path,
    status: answer.status,
    handlers: ran.filter((name) => /Report|Member|Role/.test(name)),
  }).toEqual({
    path,
    status,
    handlers: [],
  });
  return answer;
}

describe('reports', () => {
  it('are created in the tenant of the caller, who owns them at once', async () => {
    const created = await stack.call('bob', 'POST', '/api/reports', input);
    expect(created.status).toBe(201);
    expect(created.body).toEqual({
      ...input,
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      status: 'draft',
      ownerId: 'bob000000000',
      tenant: 'default',
      createdAt: expect.any(String),
      updatedAt: created.body.createdAt,
    });
    expect(created.headers.get('location')).toBe(`/api/reports/${created.body.id}`);
    // An editor may not delete; the owner may.
    expect((await stack.call('bob', 'DELETE', `/api/reports/${created.body.id}`)).status).toBe(204);
    await refused('bob', 'GET', `/api/reports/${created.body.id}`, 403);
  });

  it('open and close by role', async () => {
    const { id } = await create('alice');
    expect((await stack.call('carol', 'GET', `/api/reports/${id}`)).body.title).toBe(input.title);
    await refused('carol', 'PATCH', `/api/reports/${id}`, 403, { title: 'Mine' });
    await refused('carol', 'DELETE', `/api/reports/${id}`, 403);
    await refused('carol', 'POST', `/api/reports/${id}/publish`, 403);
    await refused('carol', 'POST', '/api/reports', 403, input);
    await refused('bob', 'DELETE', `/api/reports/${id}`, 403);
    expect((await stack.call('bob', 'PATCH', `/api/reports/${id}`, { title: 'Edited' })).body).toMatchObject({
      title: 'Edited',
      body: input.body,
      ownerId: 'alice0000000',
    });
    expect((await stack.call('bob', 'POST', `/api/reports/${id}/publish`)).body.status).toBe('published');
    expect((await stack.call('alice', 'DELETE', `/api/reports/${id}`)).status).toBe(204);
  });

  it('are as long as they may be in any script, however it is written, and no longer', async () => {
    const long = '\u6f22'.repeat(50_000);
    const escaped = (value: unknown) => JSON.stringify(value).replaceAll('\u6f22', '\\u6f22');
    const { status, body } = await stack.call('bob', 'POST', '/api/reports', { ...input, body: long });
    expect([status, body.body?.length]).toEqual([201, 50_000]);
    const written = await stack.call(
      'bob',
      'POST',
      '/api/reports',
      escaped({ title: long.slice(0, 200), body: long }),
    );
    expect([written.status, written.body.body]).toEqual([201, long]);
    const path = `/api/reports/${body.id}`;
    const edited = await stack.call('bob', 'PATCH', path, escaped({ body: long }));
    expect([edited.status, edited.body.body?.length]).toEqual([200, 50_000]);
    expect((await stack.call('bob', 'PATCH', path, { body: `${long}x` })).status).toBe(400);
    const tooLarge = { ...input, body: ' '.repeat(310_000) };
    expect((await stack.call('bob', 'POST', '/api/reports', tooLarge)).status).toBe(413);
    expect((await stack.call('bob', 'PATCH', path, tooLarge)).status).toBe(413);
  });

  it('are closed to whoever is nobody, and the handler does not run', async () => {
    const answer = await refused(undefined, 'GET', '/api/reports', 401);
    expect(answer.body.code).toBe('unauthenticated');
    expect(answer.headers.get('www-authenticate')).toBe('Bearer realm="api"');
    await refused('mallory', 'GET', '/api/reports', 403);
  });

  it('of another tenant are refused without asking the PDP, like ones that do not exist', async () => {
    const { id } = await create('alice@acme');
    const decided = async () =>
      (await fetch(`${stack.emulators.permit.url}/_emulator/decisions`)).json() as Promise<unknown[]>;
    const before = await decided();
    expect(before.length).toBeGreaterThan(0);
    const other = await refused('alice', 'GET', `/api/reports/${id}`, 403);
    const missing = await refused('alice', 'GET', '/api/reports/00000000-0000-4000-8000-000000000000', 403);
    const { instance: _a, ...one } = other.body;
    const { instance: _b, ...two } = missing.body;
    expect(one).toEqual(two);
    expect(await decided()).toEqual(before);
    await refused('erin@globex', 'GET', `/api/reports/${id}`, 403);
    expect((await stack.call('carol@acme', 'GET', `/api/reports/${id}`)).status).toBe(200);
  });

  it('are shared with members of the tenant only', async () => {
    const { id } = await create('alice@acme');
    const shares = `/api/reports/${id}/shares`;
    expect((await stack.call('alice@acme', 'PUT', `${shares}/carol0000000`)).body).toEqual({
      reportId: id,
      userId: 'carol0000000',
      role: 'reader',
    });
    expect((await stack.call('alice@acme', 'PUT', `${shares}/dave00000000`)).status).toBe(403);
    expect((await stack.call('alice@acme', 'PUT', `${shares}/nobody000000`)).status).toBe(403);
    expect((await stack.call('alice@acme', 'PUT', `${shares}/not%20an%20id`)).status).toBe(400);
    expect((await stack.call('bob@acme', 'PUT', `${shares}/carol0000000`)).status).toBe(403);
    expect((await stack.call('alice@acme', 'DELETE', `${shares}/carol0000000`)).status).toBe(204);
  });

  it('are listed as far as the caller may see them, in full pages', async () => {
    for (let i = 0; i < 5; i += 1) await create('alice', { title: `Page ${i}` });
    const all = (await stack.call('alice', 'GET', '/api/reports?limit=100')).body.items;
    const paged: unknown[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const page = await stack.call('carol', 'GET', `/api/reports?limit=2${cursor && `&cursor=${cursor}`}`);
      expect(page.status).toBe(200);
      paged.push(...page.body.items);
      cursor = page.body.nextCursor as string | null;
    }
    expect(paged).toEqual(all);
  });

  it('that were shared are all that somebody without a role sees', async () => {
    const { id } = await create('alice');
    await stack.call('alice', 'PUT', `/api/reports/${id}/shares/dave00000000`);
    expect((await stack.call('alice', 'DELETE', '/api/members/dave00000000/roles/viewer')).status).toBe(204);
    const seen = await stack.call('dave', 'GET', '/api/reports');
    expect(seen.body.items.map((report: { id: string }) => report.id)).toEqual([id]);
    expect((await stack.call('alice', 'DELETE', `/api/reports/${id}`)).status).toBe(204);
    expect((await stack.call('dave', 'GET', '/api/reports')).status).toBe(403);
  });
});

describe('an Idempotency-Key', () => {
  it('makes a repeated request the same request', async () => {
    const key = { 'Idempotency-Key': 'order-1' };
    const first = await stack.call('bob', 'POST', '/api/reports', input, key);
    const second = await stack.call('bob', 'POST', '/api/reports', input, key);
    expect([first.status, second.status]).toEqual([201, 201]);
    expect(second.body).toEqual(first.body);
    const other = await stack.call('bob', 'POST', '/api/reports', { ...input, title: 'Other' }, key);
    expect([other.status, other.body.code]).toEqual([409, 'conflict']);
    const stranger = await stack.call('alice', 'POST', '/api/reports', input, key);
    expect(stranger.status).toBe(201);
    expect(stranger.body.id).not.toBe(first.body.id);
  });
});

describe('bad input is refused with the list of problems, and nothing is stored', () => {
  const count = async () =>
    Number(
      (await stack.gate.database.query<{ n: string }>('select count(*) as n from elp.report')).rows[0]?.n,
    );

  it.each([
    ['malformed JSON', '{"title":', []],
    ['a list', '[]', ['body']],
    ['nothing', undefined, ['body']],
    ['an unknown field', { ...input, status: 'published' }, ['status']],
    ['an owner', { ...input, ownerId: 'alice0000000', tenant: 'acme00000000' }, ['ownerId', 'tenant']],
    ['wrong types', { title: 7, body: null }, ['title', 'body']],
    ['a blank title', { title: '  ', body: '' }, ['title']],
    ['a title that is too long', { title: 'x'.repeat(201), body: '' }, ['title']],
    ['a character that no text holds', { title: 'a\0b', body: '' }, ['title']],
    ['half a character', '{"title":"\\ud800","body":"\\udfff"}', ['title', 'body']],
    ['a prototype', '{"title":"a","body":"b","__proto__":{}}', ['__proto__']],
  ])('%s', async (_what, body, paths) => {
    const before = await count();
    const answer = await stack.call('alice', 'POST', '/api/reports', body);
    expect(answer.status).toBe(400);
    expect(answer.headers.get('content-type')).toMatch('application/problem+json');
    expect(answer.body).toMatchObject({ status: 400, code: 'invalid_input' });
    const found = (answer.body.errors ?? []).map(({ path }: { path: string }) => path);
    expect(found).toEqual(expect.arrayContaining(paths));
    expect(await count()).toBe(before);
  });

  it.each([
    ['/api/reports?cursor=rubbish', 'cursor'],
    ['/api/reports?cursor=eyJhdCI6MX0', 'cursor'],
    // The last moment that JavaScript knows, and Postgres does not.
    [
      `/api/reports?cursor=${cursorOf({ at: 8.64e15, id: '00000000-0000-4000-8000-000000000000' })}`,
      'cursor',
    ],
    [`/api/reports?cursor=${cursorOf({ at: -1, id: '00000000-0000-4000-8000-000000000000' })}`, 'cursor'],
    ['/api/reports?limit=0', 'limit'],
    ['/api/reports?limit=101', 'limit'],
    ['/api/reports?limit=ten', 'limit'],
    ['/api/reports?limit=1&limit=2', 'limit'],
    ['/api/reports?tenant=acme00000000', 'tenant'],
    ['/api/reports/1:2', 'reportId'],
    ['/api/reports/..%2fme', 'reportId'],
    ['/api/reports/%00', 'reportId'],
  ])('GET %s', async (path, where) => {
    const answer = await stack.call('alice', 'GET', path);
    expect([answer.status, answer.body.errors?.[0]?.path]).toEqual([400, where]);
  });

  it('names of fields that nobody knows go back to the caller and into no log', async () => {
    const unknown = Object.fromEntries(Array.from({ length: 30 }, (_, n) => [`hunter${n}`, n]));
    logged.length = 0;
    const answer = await stack.call('alice', 'POST', '/api/reports', { ...input, ...unknown });
    expect(answer.status).toBe(400);
    expect(answer.body.errors).toHaveLength(21);
    expect(answer.body.errors[0]).toEqual({ path: 'hunter0', message: 'is not a known field' });
    expect(answer.body.errors[20]).toEqual({ path: '', message: 'and 10 more' });
    expect(logged.find(({ code }) => code === 'invalid_input')).toMatchObject({
      msg: 'is not a known field; and 10 more',
    });
    expect(JSON.stringify(logged)).not.toContain('hunter');
  });

  it('a cursor may be of any day that Postgres knows', async () => {
    const cursor = cursorOf({ at: Date.UTC(9999, 11, 31), id: '00000000-0000-4000-8000-000000000000' });
    expect((await stack.call('alice', 'GET', `/api/reports?limit=1&cursor=${cursor}`)).status).toBe(200);
  });

  it('an empty change, and one of what cannot be changed', async () => {
    const { id } = await create('alice');
    expect((await stack.call('alice', 'PATCH', `/api/reports/${id}`, {})).status).toBe(400);
    expect((await stack.call('alice', 'PATCH', `/api/reports/${id}`, { status: 'published' })).status).toBe(
      400,
    );
    expect((await stack.call('alice', 'GET', `/api/reports/${id}`)).body.status).toBe('draft');
  });

  it('a body of another kind', async () => {
    const answer = await stack.call('alice', 'POST', '/api/reports', 'title=x', {
      'Content-Type': 'text/plain',
    });
    expect(answer.status).toBe(415);
  });
});
