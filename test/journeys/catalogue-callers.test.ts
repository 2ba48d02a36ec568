import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { observeHandlers } from '../../src/index.ts';
import { openVisitor } from '../support/app-visitor.ts';
import { ACME, openCatalogueStack } from '../support/catalogue-stack.ts';

let stack: Awaited<ReturnType<typeof openCatalogueStack>>;
let [alice, acmeReport, globexReport] = ['', '', ''];
const ran: string[] = [];
beforeAll(async () => {
  stack = await openCatalogueStack();
  alice = await stack.emulators.tokenFor('alice', { organization: 'acme' });
  acmeReport = await stack.create('alice@acme');
  globexReport = await stack.create('erin@globex');
  observeHandlers(stack.app, (handler) => ran.push(handler));
});
afterAll(() => stack.close());
beforeEach(async () => {
  await stack.questions();
  ran.length = 0;
});

describe('b6 ids that are none: refused before anybody is asked', () => {
  it.each([
    ['b6-1 a delimiter', '1:2', 400],
    ['b6-2 two delimiters', '1:2:3', 400],
    ['b6-3 a way up', '..%2f', 400],
    ['b6-4 a slash', '%2F', 400],
    ['b6-5 dots', '%2e%2e', 400],
    ['b6-6 nothing', '', 404],
    ['b6-7 a star', '*', 400],
    ["b6-8 the vendor's own", '__tenant', 400],
    ['b6-9 NUL', 'a%00', 400],
    ['b6-10 CRLF', 'a%0d%0aX-Injected:%201', 400],
    ['b6-11 4 KB', 'a'.repeat(4_000), 400],
    ['b6-12 one word in two normal forms', 'caf%C3%A9 cafe%CC%81', 400],
    ['b6-13 a prototype', '__proto__', 400],
  ])('%s', async (_name, ids, status) => {
    for (const id of ids.split(' ')) {
      for (const method of ['GET', 'DELETE']) {
        expect(await stack.raw(`${method} /api/reports/${id}`, alice)).toBe(status);
      }
    }
    expect([ran, await stack.questions()]).toEqual([[], []]);
    expect(await stack.raw(`GET /api/reports/${acmeReport}`, alice)).toBe(200);
  });

  it('b6-14 an id in the query is not looked at', async () => {
    const queries = [`?id[]=${globexReport}`, `?reportId=${globexReport}&key=${globexReport}`];
    for (const query of queries) {
      expect(await stack.raw(`GET /api/reports/${acmeReport}${query}`, alice)).toBe(200);
      expect(await stack.raw(`GET /api/reports/${globexReport}${query}`, alice)).toBe(403);
    }
    const keys = (await stack.questions()).map(({ resource }) => resource.key);
    expect(keys).toEqual([acmeReport, acmeReport]);
  });
});

describe("b7 the tenant is the caller's own", () => {
  it('b7-1 absent from the token: the default tenant, named in the question', async () => {
    expect((await stack.call('alice', 'POST', '/api/reports', { title: 'Mine', body: '' })).status).toBe(201);
    expect((await stack.call('erin', 'POST', '/api/reports', { title: 'Mine', body: '' })).status).toBe(403);
    const tenants = (await stack.questions()).map(({ resource }) => resource.tenant);
    expect([...new Set(tenants)]).toEqual(['default']);
  });

  it.each([
    ['b7-2 named in the body', '', [], '{"title":"Taken","tenant":"globex000000"}'],
    ['b7-3 named in the query', '?tenant=globex000000', [], '{"title":"Taken"}'],
    [
      'b7-4 named in a header',
      '',
      ['X-Tenant: globex000000', 'X-Organization-Id: globex000000'],
      '{"title":"Taken"}',
    ],
  ])('%s: does not move the caller', async (_name, query, headers, body) => {
    const line = `PATCH /api/reports/${globexReport}${query}`;
    expect(await stack.raw(line, alice, headers, body)).toBe(403);
    expect([ran, await stack.questions()]).toEqual([[], []]);
    const own = await stack.raw(`PATCH /api/reports/${acmeReport}${query}`, alice, headers, body);
    expect(own).toBe(body.includes('tenant') ? 400 : 200);
    expect((await stack.call('erin@globex', 'GET', `/api/reports/${globexReport}`)).body.title).toBe(
      'A report',
    );
  });

  it("b7-5 an object of another tenant is nobody's: as if it were not there", async () => {
    const missing = '00000000-0000-4000-8000-000000000000';
    const answers = [];
    for (const id of [globexReport, missing]) {
      const { status, body } = await stack.call('alice@acme', 'GET', `/api/reports/${id}`);
      answers.push({ status, ...body, instance: '' });
    }
    expect(answers[0]).toEqual({ ...answers[1], status: 403 });
    expect([ran, await stack.questions()]).toEqual([[], []]);
    expect((await stack.call('erin@globex', 'GET', `/api/reports/${globexReport}`)).status).toBe(200);
  });

  it('b7-6 one key in two tenants: two questions, two answers', async () => {
    const draft = { title: 'Here and there', body: '' };
    expect((await stack.call('erin@globex', 'POST', '/api/reports', draft)).status).toBe(201);
    expect((await stack.call('erin@acme', 'POST', '/api/reports', draft)).status).toBe(403);
    const asked = await stack.questions();
    const about = (tenant: string) => asked.filter(({ resource }) => resource.tenant?.startsWith(tenant));
    expect(about('globex').length).toBe(1);
    expect(about('acme').length).toBeGreaterThan(0);
    expect(new Set(asked.map(({ user }) => user.key)).size).toBe(1);
  });

  it('b7-7 the default tenant is a tenant like the others', async () => {
    const common = await stack.create('alice');
    expect((await stack.call('alice@acme', 'GET', `/api/reports/${common}`)).status).toBe(403);
    expect((await stack.call('alice', 'GET', `/api/reports/${acmeReport}`)).status).toBe(403);
    expect((await stack.call('alice', 'GET', `/api/reports/${common}`)).status).toBe(200);
  });

  it('b7-8 a tenant with a slash is no tenant', async () => {
    for (const organization_id of ['acme00000000/globex000000', `${ACME}/..`, '/', 'a%2Fb']) {
      expect(await stack.claiming({ organization_id }, '/api/reports')).toBe(401);
    }
    expect(ran).toEqual([]);
    expect(await stack.claiming({ organization_id: ACME }, '/api/reports')).toBe(200);
  });

  it('b7-9 a machine is itself, and no person', async () => {
    const me = await stack.call('reporter', 'GET', '/api/me');
    expect(me.body).toMatchObject({ kind: 'machine', key: `m2m|${me.body.sub}` });
    expect((await stack.call('reporter', 'GET', '/api/reports')).status).toBe(200);
    ran.length = 0;
    // A person who has the machine's id, at another client: no rights of the machine's.
    expect(await stack.claiming({ sub: me.body.sub }, '/api/reports')).toBe(403);
    expect(ran).toEqual([]);
  });
});

describe('b8 who the caller is', () => {
  const stranger = 'ghost0000000';

  it('b8-1 somebody whom nobody knows', async () => {
    expect(await stack.claiming({ sub: stranger }, '/api/reports')).toBe(403);
    expect(await stack.claiming({ sub: stranger }, `/api/reports/${acmeReport}`)).toBe(403);
    expect(ran).toEqual([]);
    expect(await stack.claiming({}, '/api/reports')).toBe(200);
  });

  it('b8-2 somebody who was deleted, with a token that lives on', async () => {
    expect((await stack.call('dave', 'GET', '/api/reports')).status).toBe(200);
    await stack.manage('DELETE', '/api/users/dave00000000');
    ran.length = 0;
    expect((await stack.call('dave', 'GET', '/api/reports')).status).toBe(401);
    expect(ran).toEqual([]);
    expect((await stack.call('carol', 'GET', '/api/reports')).status).toBe(200);
  });

  it('b8-3 somebody who is suspended, until that ends', async () => {
    await stack.manage('PATCH', '/api/users/bob000000000/is-suspended', { isSuspended: true });
    ran.length = 0;
    expect((await stack.call('bob@acme', 'GET', '/api/reports')).status).toBe(401);
    expect(ran).toEqual([]);
    await stack.manage('PATCH', '/api/users/bob000000000/is-suspended', { isSuspended: false });
    // Tokens of the time before stay refused, up to five seconds after it: clocks differ.
    stack.emulators.clock.setOffset(10);
    const token = await stack.emulators.tokenFor('bob', { organization: 'acme' });
    expect(await stack.raw('GET /api/reports', token)).toBe(200);
  });

  it('b8-4 a subject with a delimiter in it', async () => {
    const { sub } = (await stack.call('reporter', 'GET', '/api/me')).body;
    ran.length = 0;
    for (const odd of [
      `m2m|${sub}`,
      'alice0000000|x',
      'alice0000000:x',
      'user:alice0000000',
      '__tenant:default',
    ]) {
      expect([odd, await stack.claiming({ sub: odd }, '/api/reports')]).toEqual([odd, 403]);
    }
    expect(ran).toEqual([]);
    expect(await stack.claiming({ sub: 'alice0000000' }, '/api/reports')).toBe(200);
  });

  it("b8-5 one person's session with another's token", async () => {
    const visitor = openVisitor(stack.emulators.gate.baseUrl, stack.emulators.logto.url);
    await visitor.signIn('alice');
    const ask = async (who: string) => {
      const headers = { Authorization: `Bearer ${await stack.emulators.tokenFor(who)}` };
      return (await visitor.app.request('/api/me', { headers })).status;
    };
    ran.length = 0;
    expect(await ask('carol')).toBe(400);
    expect(ran.filter((name) => name === 'showMe')).toEqual([]);
    expect(await ask('alice')).toBe(200);
  });

  it('b8-6 a subject in other letters', async () => {
    for (const sub of ['ALICE0000000', 'Alice0000000']) {
      expect(await stack.claiming({ sub }, '/api/reports')).toBe(403);
    }
    expect(ran).toEqual([]);
    expect(await stack.claiming({ sub: 'alice0000000' }, '/api/reports')).toBe(200);
  });
});
