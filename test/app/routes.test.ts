import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { routeTable } from '../../src/index.ts';
import { type AppStack, startAppStack } from '../support/app-stack.ts';
import { openVisitor } from '../support/app-visitor.ts';

let stack: AppStack;
beforeAll(async () => {
  stack = await startAppStack();
});
afterAll(() => stack.close());

describe('what the caller is told about the caller', () => {
  it('the principal, as the server sees it', async () => {
    expect((await stack.call('alice@acme', 'GET', '/api/me')).body).toMatchObject({
      kind: 'user',
      sub: 'alice0000000',
      key: 'alice0000000',
      tenant: 'acme00000000',
      organizationId: 'acme00000000',
      via: 'bearer',
      actor: null,
    });
    expect((await stack.call('reporter', 'GET', '/api/me')).body).toMatchObject({
      kind: 'machine',
      key: 'm2m|reporter000000000000a',
      tenant: 'default',
    });
  });

  it('permissions by resource, and yes or no to many questions', async () => {
    const { body } = await stack.call('carol', 'GET', '/api/me/permissions?user=alice0000000');
    expect(body).toMatchObject({ tenant: 'default', roles: ['viewer'] });
    expect(body.resources.reports.actions).toEqual(['view']);
    const asked = {
      resourcesAndActions: [
        { resource: 'reports', action: 'view' },
        { resource: 'reports', action: 'create' },
        { resource: 'reports', action: 'invented' },
      ],
    };
    const answer = await stack.call('carol', 'POST', '/api/me/permissions/check?user=alice0000000', asked);
    expect(answer.body).toEqual({ permittedList: [true, false, false] });
    expect((await stack.call(undefined, 'POST', '/api/me/permissions/check', asked)).status).toBe(401);
  });

  it('nothing of the operations in an organization, as their routes are closed there', async () => {
    const asked = { resourcesAndActions: [{ resource: 'operations', action: 'view' }] };
    for (const [who, status] of [
      ['alice', 200],
      ['alice@acme', 403],
    ] as const) {
      expect((await stack.call(who, 'GET', '/api/admin/drift')).status).toBe(status);
      const checked = await stack.call(who, 'POST', '/api/me/permissions/check', asked);
      expect(checked.body).toEqual({ permittedList: [status === 200] });
      const { body } = await stack.call(who, 'GET', '/api/me/permissions');
      expect(body.roles).toEqual(['admin']);
      expect(body.resources.operations.actions.includes('view')).toBe(status === 200);
    }
  });
});

describe('a wrong method', () => {
  it.each([
    ['POST', '/logto/sign-in', 'GET'],
    ['HEAD', '/logto/sign-in', 'GET'],
    ['OPTIONS', '/logto/sign-in-callback', 'GET'],
    ['GET', '/logto/sign-out', 'POST'],
    ['POST', '/livez', 'GET, HEAD'],
    ['PUT', '/api/webhooks/logto', 'POST'],
  ])('%s %s: only %s', async (method, path, allow) => {
    const answer = await stack.call(undefined, method, path);
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, allow]);
  });

  it('is no method where HEAD is answered as GET is', async () => {
    expect((await stack.call(undefined, 'HEAD', '/livez')).status).toBe(200);
  });
});

describe('members', () => {
  it('are those of the current tenant, for whoever may see them', async () => {
    const { body } = await stack.call('alice@acme', 'GET', '/api/members');
    expect(body).toEqual({
      items: [
        { id: 'alice0000000', kind: 'user', roles: ['admin'] },
        { id: 'bob000000000', kind: 'user', roles: ['editor'] },
        { id: 'carol0000000', kind: 'user', roles: ['viewer'] },
      ],
      nextCursor: null,
    });
    expect((await stack.call('bob@acme', 'GET', '/api/members')).status).toBe(403);
    const page = await stack.call('alice@acme', 'GET', '/api/members?limit=2');
    expect(page.body.items).toHaveLength(2);
    const rest = await stack.call('alice@acme', 'GET', `/api/members?cursor=${page.body.nextCursor}`);
    expect(rest.body.items.map(({ id }: { id: string }) => id)).toEqual(['carol0000000']);
  });

  it('get and lose roles, and the next request feels it', async () => {
    const path = '/api/members/carol0000000/roles/editor';
    const draft = { title: 'By Carol', body: '' };
    expect((await stack.call('carol@acme', 'POST', '/api/reports', draft)).status).toBe(403);
    expect((await stack.call('alice@acme', 'PUT', path)).body.roles).toEqual(['editor', 'viewer']);
    expect((await stack.call('alice@acme', 'PUT', path)).status).toBe(200);
    expect((await stack.call('carol@acme', 'POST', '/api/reports', draft)).status).toBe(201);
    expect((await stack.call('carol', 'POST', '/api/reports', draft)).status).toBe(403);
    expect((await stack.call('alice@acme', 'DELETE', path)).status).toBe(204);
    expect((await stack.call('carol@acme', 'POST', '/api/reports', draft)).status).toBe(403);
  });

  it.each([
    ['somebody who is no member', 'PUT', '/api/members/dave00000000/roles/viewer', 403],
    ['somebody who does not exist', 'PUT', '/api/members/nobody000000/roles/viewer', 403],
    ['a role that the policy lacks', 'PUT', '/api/members/carol0000000/roles/boss', 400],
    ['what is no id', 'DELETE', '/api/members/a%3Ab/roles/viewer', 400],
  ])('refuse %s', async (_what, method, path, status) => {
    expect((await stack.call('alice@acme', method, path)).status).toBe(status);
  });

  it('refuse those who may not manage', async () => {
    expect((await stack.call('bob@acme', 'PUT', '/api/members/bob000000000/roles/admin')).status).toBe(403);
  });
});

describe('operations', () => {
  it('are for operators of the default tenant, and never for somebody who acts in an organization', async () => {
    const deliveries = await stack.call('alice', 'GET', '/api/admin/deliveries');
    expect(deliveries.body).toMatchObject({ items: expect.any(Array), summary: { dead: 0 } });
    expect((await stack.call('alice@acme', 'GET', '/api/admin/deliveries')).status).toBe(403);
    expect((await stack.call('erin@globex', 'GET', '/api/admin/deliveries')).status).toBe(403);
    expect((await stack.call('bob', 'GET', '/api/admin/deliveries')).status).toBe(403);
  });

  it('explain a decision in the words of the engine', async () => {
    const asked = { user: 'carol0000000', action: 'create', resource: 'reports' };
    const { body } = await stack.call('alice', 'POST', '/api/admin/explain', asked);
    expect(body).toMatchObject({ allowed: false });
    expect(body.reasons.length).toBeGreaterThan(0);
    expect((await stack.call('bob', 'POST', '/api/admin/explain', asked)).status).toBe(403);
    expect((await stack.call('alice', 'POST', '/api/admin/explain', { ...asked, as: 'me' })).status).toBe(
      400,
    );
  });

  it('tell the drift, replay a delivery, and show metrics', async () => {
    await stack.emulators.sendWebhook({ event: 'User.Data.Updated', user: 'dave' });
    await stack.gate.inbox.drain();
    const listed = (await stack.call('alice', 'GET', '/api/admin/deliveries?status=done')).body.items;
    expect(listed[0]).toMatchObject({ event: 'User.Data.Updated', subjects: ['user:dave00000000'] });
    const replayed = await stack.call('alice', 'POST', `/api/admin/deliveries/${listed[0].id}/replay`);
    expect(replayed.body).toEqual({ id: listed[0].id, replayed: 1 });
    expect((await stack.call('alice', 'POST', '/api/admin/deliveries/999999/replay')).status).toBe(403);
    expect((await stack.call('alice', 'POST', '/api/admin/deliveries/x/replay')).status).toBe(400);
    expect((await stack.call('alice', 'GET', '/api/admin/drift?fresh=true')).body).toMatchObject({
      available: true,
    });
    expect((await stack.call('alice', 'GET', '/metrics')).body).toMatch('elp_permission_decisions_total');
    expect((await stack.call('carol', 'GET', '/metrics')).status).toBe(403);
    expect((await stack.call(undefined, 'GET', '/metrics')).status).toBe(401);
  });
});

describe('around the routes', () => {
  it('health is public and names its parts', async () => {
    expect((await stack.call(undefined, 'GET', '/livez')).status).toBe(200);
    const { status, body } = await stack.call(undefined, 'GET', '/readyz');
    expect([status, Object.keys(body.checks).sort()]).toEqual([
      200,
      ['backlog', 'database', 'keySet', 'migrations', 'pdp'],
    ]);
  });

  it('unknown paths are 404, wrong methods 405 with what is allowed', async () => {
    expect((await stack.call('alice', 'GET', '/api/nothing')).body.code).toBe('not_found');
    const wrong = await stack.call(undefined, 'PUT', '/api/reports');
    expect([wrong.status, wrong.body.code, wrong.headers.get('allow')]).toEqual([
      405,
      'method_not_allowed',
      'GET, HEAD, POST',
    ]);
    expect((await stack.call(undefined, 'OPTIONS', '/api/reports')).status).toBe(405);
    expect((await stack.call(undefined, 'GET', '/api/webhooks/logto')).status).toBe(405);
  });

  it('the API describes every route of itself', async () => {
    const { body } = await stack.call(undefined, 'GET', '/openapi.json');
    expect(body.paths['/api/reports/{reportId}'].patch).toMatchObject({ 'x-permit-action': 'edit' });
    expect((await stack.call(undefined, 'GET', '/docs')).body).toMatch('/api/reports');
    expect(body.paths['/api/webhooks/logto'].post).toMatchObject({
      'x-guard': { kind: 'signature' },
      security: [{ 'logto-signature-sha-256': [] }],
    });
    expect(body.paths['/logto/backchannel-logout'].post['x-guard']).toMatchObject({ kind: 'signature' });
    expect(body.paths['/logto/sign-out'].post.security).toEqual([{ session: [] }]);
  });

  it('and leaves none without words and a group', async () => {
    const { body } = await stack.call(undefined, 'GET', '/openapi.json');
    type Operation = { summary: string; tags?: string[] };
    const items = Object.entries<Record<string, Operation>>(body.paths);
    const operations = items.flatMap(([path, item]) =>
      ['get', 'put', 'post', 'patch', 'delete'].flatMap((method) => {
        const found = item[method];
        return found ? [{ ...found, name: `${method.toUpperCase()} ${path}` }] : [];
      }),
    );
    expect(operations.length).toBeGreaterThan(25);
    const bare = operations.filter(({ summary, tags }) => /^[A-Z]+ \//.test(summary) || tags?.length !== 1);
    expect(bare.map(({ name }) => name)).toEqual([]);
  });

  it('every route is guarded or says why it is not', () => {
    const table = routeTable(stack.app);
    expect(table.filter(({ guarded }) => !guarded)).toEqual([]);
    const lines = table.map(({ method, path, permission }) => `${method} ${path} ${permission ?? '-'}`);
    expect(lines).toEqual(
      expect.arrayContaining([
        'GET /api/reports reports:view',
        'POST /api/reports reports:create',
        'DELETE /api/reports/:reportId reports:delete',
        'PUT /api/reports/:reportId/shares/:userId reports:share',
        'GET /metrics operations:view in the default tenant',
      ]),
    );
  });
});

describe('the sign-in routes in the application', () => {
  it.each([
    ['PUT', '/logto/sign-in'],
    ['HEAD', '/logto/sign-in'],
    ['POST', '/logto/sign-in-callback'],
    ['GET', '/logto/sign-out'],
    ['DELETE', '/logto/organization'],
    ['OPTIONS', '/logto/backchannel-logout'],
  ])('answer %s %s with 405 and change nothing', async (method, path) => {
    const visitor = openVisitor(stack.emulators.gate.baseUrl, stack.emulators.logto.url);
    await visitor.signIn('alice');
    const answer = await visitor.call(method, path);
    expect(answer.status).toBe(405);
    expect(answer.headers.get('allow')).toContain(path.startsWith('/logto/sign-in') ? 'GET' : 'POST');
    expect((await visitor.call('GET', '/api/me')).status).toBe(200);
  });
});
