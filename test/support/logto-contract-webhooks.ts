import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { openBrowser, registerAs } from './logto-browser.ts';
import { alice, bodyOf, createFlows, m2m } from './logto-flows.ts';
import { recording, recordingOf } from './logto-recordings.ts';
import { shapeDifferences } from './logto-shapes.ts';
import type { Answer, Difference, World } from './logto-world.ts';

type Action = { action: string; events: { event: string }[] };
type Delivery = { trigger: string; headers: Record<string, string>; body: { event: string } };

const area = 'Webhooks';
const bob = 'e8k7jmo61p4r';
const globex = '9ij1naitofqx';

/** Does what was done to the recorded server, and compares which webhooks arrive, in which order and shape. */
export async function webhookDifferences(world: World): Promise<Difference[]> {
  const { actions } = recordingOf<{ actions: Action[] }>(
    world.version,
    'webhooks/_which-call-sends-what.json',
  );
  const deliveries = recordedDeliveries();
  const run = createActions(world);
  const found: Difference[] = [];
  await world.logto.settled();

  for (const { action, events } of actions) {
    const act = run[action];
    const notRecorded = events.length === 0 && action.startsWith('setup');
    if (!act) {
      found.push({ area, request: action, difference: 'cannot be done here' });
      continue;
    }
    await act();
    await world.logto.settled();
    const received = world.receiver.received.splice(0);
    const [expected, actual] = [
      events.map(({ event }) => event),
      received.map(({ body }) => String(body.event)),
    ];
    if (expected.join() !== actual.join() && !notRecorded)
      found.push({ area, request: action, difference: `[${actual}] instead of [${expected}]` });
    for (const { body, headers } of received) {
      // One action may send an event more than once, about different things: held to the one it resembles most.
      const candidates = deliveries
        .filter((one) => one.trigger === action && one.body.event === body.event)
        .map((one) => [
          ...Object.keys(one.headers)
            .filter((name) => !(name in headers))
            .map((name) => `header ${name}: missing`),
          ...shapeDifferences(one.body, body),
        ])
        .sort((a, b) => a.length - b.length);
      for (const difference of candidates[0] ?? [])
        found.push({ area, request: `${action}: ${body.event}`, difference });
    }
  }
  return found;
}

/** "Send test payload": the made-up bodies, signed with the real key. */
export async function testPayloadDifferences(world: World): Promise<Difference[]> {
  const recorded = recording<{
    request: { events: string[] };
    response: { status: number };
    received: { body: { event: string } }[];
  }>('webhooks/_test-payloads.json');
  await world.logto.settled();
  world.receiver.received.length = 0;
  const [hook] = (await world.call('GET', '/api/hooks')).body as { id: string }[];
  const config = { url: world.receiver.url };
  const answer = await world.call('POST', `/api/hooks/${hook?.id}/test`, { ...recorded.request, config });
  const found: string[] = answer.status === recorded.response.status ? [] : [`status ${answer.status}`];
  for (const { body } of recorded.received) {
    const sent = world.receiver.received.find((one) => one.body.event === body.event);
    found.push(...shapeDifferences(body, sent?.body).map((difference) => `${body.event} ${difference}`));
  }
  return found.map((difference) => ({ area, request: 'test payload', difference }));
}

function recordedDeliveries(): Delivery[] {
  const folder = join(import.meta.dirname, '../contracts/recordings/webhooks');
  return readdirSync(folder)
    .filter((name) => !name.startsWith('_'))
    .flatMap((name) => recording<{ recordings: Delivery[] }>(`webhooks/${name}`).recordings);
}

function createActions(world: World): Record<string, () => Promise<unknown>> {
  const { call } = world;
  const flows = createFlows(world);
  const made = new Map<string, string>();
  const id = (name: string) => made.get(name) ?? '';
  const keep = async (name: string, answer: Promise<Answer>) =>
    void made.set(name, bodyOf(await answer).id ?? '');
  const user = (path = '') => `/api/users/${id('dave')}${path}`;
  const organization = (path = '') => `/api/organizations/${id('organization')}${path}`;
  const orgRole = (path = '') => `/api/organization-roles/${id('orgRole')}${path}`;
  const role = (path = '') => `/api/roles/${id('role')}${path}`;
  const api = '/api/resources/xaycnoli20zjyyoptr967';
  const browser = openBrowser(world.logto.url);
  const editor = 'rjilu7kg3ffcobxb60bg6';
  const member = 'n564sefxmszdves3epcbc';
  const carol = { username: 'carol', password: 'carol-Passw0rd' };

  return {
    'Experience API: register carol (username + password), web app': () =>
      registerAs(browser, flows.authorization().url, carol),
    'Experience API: sign in carol, web app': async () => {
      const other = openBrowser(world.logto.url);
      await other.submit(await other.visit(flows.authorization().url), '/sign-in', {
        identifier: carol.username,
        password: carol.password,
      });
    },
    'SSO: second authorization of carol in the same browser, no interaction': () =>
      browser.visit(flows.authorization().url),
    'Experience API: sign in with a wrong password': async () => {
      const other = openBrowser(world.logto.url);
      const fields = { identifier: carol.username, password: 'wrong' };
      await other.submit(await other.visit(flows.authorization().url), '/sign-in', fields);
    },
    'POST /api/users (username, email, name with non-ASCII, password)': () =>
      keep(
        'dave',
        call('POST', '/api/users', {
          username: 'dave',
          primaryEmail: 'dave@example.com',
          name: 'Dávid Łukasz 李',
          password: 'dave-Passw0rd',
        }),
      ),
    'POST /api/users with {} (no identifier at all)': () => keep('nobody', call('POST', '/api/users', {})),
    'POST /api/users with a duplicate username': () => call('POST', '/api/users', { username: 'dave' }),
    'PATCH /api/users/:id (name, primaryEmail)': () =>
      call('PATCH', user(), { name: 'Dave', primaryEmail: 'd@example.com' }),
    'PATCH /api/users/:id with the same values': () =>
      call('PATCH', user(), { name: 'Dave', primaryEmail: 'd@example.com' }),
    'PATCH /api/users/:id/custom-data': () =>
      call('PATCH', user('/custom-data'), { customData: { a: 1, note: 'x' } }),
    'PATCH /api/users/:id/profile': () => call('PATCH', user('/profile'), { profile: { givenName: 'Dave' } }),
    'PATCH /api/users/:id/password': () => call('PATCH', user('/password'), { password: 'another' }),
    'PATCH /api/users/:id/is-suspended true': () =>
      call('PATCH', user('/is-suspended'), { isSuspended: true }),
    'PATCH /api/users/:id/is-suspended false': () =>
      call('PATCH', user('/is-suspended'), { isSuspended: false }),
    'POST /api/users/:id/roles': () => call('POST', user('/roles'), { roleIds: [editor] }),
    'PUT /api/users/:id/roles': () => call('PUT', user('/roles'), { roleIds: [] }),
    'POST /api/roles/:id/users': () => call('POST', `/api/roles/${editor}/users`, { userIds: [id('dave')] }),
    'DELETE /api/roles/:id/users/:userId': () => call('DELETE', `/api/roles/${editor}/users/${id('dave')}`),
    'DELETE /api/users/:id (no identifier user)': () => call('DELETE', `/api/users/${id('nobody')}`),
    'POST /api/organizations': () =>
      keep('organization', call('POST', '/api/organizations', { name: 'Hooli' })),
    'PATCH /api/organizations/:id': () => call('PATCH', organization(), { name: 'Hooli 2' }),
    'POST /api/organizations/:id/users': () =>
      call('POST', organization('/users'), { userIds: [id('dave')] }),
    'POST /api/organizations/:id/users, user already a member': () =>
      call('POST', organization('/users'), { userIds: [id('dave')] }),
    'PUT /api/organizations/:id/users (replace dave by alice and bob)': () =>
      call('PUT', organization('/users'), { userIds: [alice, bob] }),
    'POST /api/organizations/:id/users/:userId/roles': () =>
      call('POST', organization(`/users/${bob}/roles`), { organizationRoleIds: [member] }),
    'PUT /api/organizations/:id/users/:userId/roles': () =>
      call('PUT', organization(`/users/${bob}/roles`), { organizationRoleIds: [member] }),
    'DELETE /api/organizations/:id/users/:userId/roles/:roleId': () =>
      call('DELETE', organization(`/users/${bob}/roles/${member}`)),
    'DELETE /api/organizations/:id/users/:userId': () => call('DELETE', organization(`/users/${bob}`)),
    'POST /api/organizations/:id/applications': () =>
      call('POST', organization('/applications'), { applicationIds: [m2m] }),
    'DELETE /api/organizations/:id/applications/:applicationId': () =>
      call('DELETE', organization(`/applications/${m2m}`)),
    'DELETE /api/organizations/:id (still has a member)': () => call('DELETE', organization()),
    'POST /api/organization-scopes': () =>
      keep('orgScope', call('POST', '/api/organization-scopes', { name: 'tmp:members' })),
    'PATCH /api/organization-scopes/:id': () =>
      call('PATCH', `/api/organization-scopes/${id('orgScope')}`, { description: 'y' }),
    'POST /api/organization-roles (no scopes)': () =>
      keep('orgRole', call('POST', '/api/organization-roles', { name: 'tmp' })),
    'POST /api/organization-roles (with scopes)': () =>
      keep(
        'orgRole2',
        call('POST', '/api/organization-roles', {
          name: 'tmp2',
          organizationScopeIds: [id('orgScope')],
        }),
      ),
    'PATCH /api/organization-roles/:id': () => call('PATCH', orgRole(), { description: 'y' }),
    'POST /api/organization-roles/:id/scopes': () =>
      call('POST', orgRole('/scopes'), { organizationScopeIds: [id('orgScope')] }),
    'DELETE /api/organization-roles/:id/scopes/:scopeId': () =>
      call('DELETE', orgRole(`/scopes/${id('orgScope')}`)),
    'PUT /api/organization-roles/:id/scopes': () =>
      call('PUT', orgRole('/scopes'), { organizationScopeIds: [id('orgScope')] }),
    'POST /api/organization-roles/:id/resource-scopes': () =>
      call('POST', orgRole('/resource-scopes'), { scopeIds: ['pn7y21lt7loht5nacv8wk'] }),
    'DELETE /api/organization-roles/:id': () => call('DELETE', orgRole()),
    'DELETE /api/organization-roles/:id (2)': () =>
      call('DELETE', `/api/organization-roles/${id('orgRole2')}`),
    'DELETE /api/organization-scopes/:id': () => call('DELETE', `/api/organization-scopes/${id('orgScope')}`),
    'POST /api/resources/:id/scopes': () => keep('scope', call('POST', `${api}/scopes`, { name: 'tmp:api' })),
    'PATCH /api/resources/:id/scopes/:scopeId': () =>
      call('PATCH', `${api}/scopes/${id('scope')}`, { description: 'z' }),
    'POST /api/roles (no scopes)': () =>
      keep('role', call('POST', '/api/roles', { name: 'tmp', description: 'tmp' })),
    'POST /api/roles/:id/scopes': () => call('POST', role('/scopes'), { scopeIds: [id('scope')] }),
    'PATCH /api/roles/:id': () => call('PATCH', role(), { description: 'tmp2' }),
    'DELETE /api/roles/:id/scopes/:scopeId': () => call('DELETE', role(`/scopes/${id('scope')}`)),
    'DELETE /api/roles/:id': () => call('DELETE', role()),
    'DELETE /api/resources/:id/scopes/:scopeId': () => call('DELETE', `${api}/scopes/${id('scope')}`),
    'POST /api/resources': () =>
      keep('resource', call('POST', '/api/resources', { name: 'tmp', indicator: 'http://tmp' })),
    'POST /api/resources/:id/scopes (tmp res)': () =>
      call('POST', `/api/resources/${id('resource')}/scopes`, { name: 'x' }),
    'DELETE /api/resources/:id (with a scope in it)': () =>
      call('DELETE', `/api/resources/${id('resource')}`),
    'POST /api/applications': () =>
      keep('application', call('POST', '/api/applications', { name: 'tmp', type: 'MachineToMachine' })),
    'DELETE /api/applications/:id': () => call('DELETE', `/api/applications/${id('application')}`),
    'DELETE /api/users/:id (member of nothing)': () => call('DELETE', user()),
    '(mock e-mail connector and sign-in methods configured)': async () => undefined,
    'POST /api/organizations/:id/jit/email-domains': () =>
      call('POST', `/api/organizations/${globex}/jit/email-domains`, { emailDomain: 'globex.example' }),
    'POST /api/organizations/:id/jit/roles': () =>
      call('POST', `/api/organizations/${globex}/jit/roles`, { organizationRoleIds: [member] }),
    'Experience API: register erin@globex.example (e-mail code; JIT organization with a default organization role)':
      () =>
        registerAs(openBrowser(world.logto.url), flows.authorization().url, { email: 'erin@globex.example' }),
    'Experience API: sign-in with an unknown e-mail that turns into a registration (frank)': () =>
      registerAs(openBrowser(world.logto.url), flows.authorization().url, { email: 'frank@example.com' }),
    'Experience API: sign in alice with the new password': () => flows.authorize('alice'),
    'PATCH /api/users/:id (bob gets an e-mail address)': () =>
      call('PATCH', `/api/users/${bob}`, { primaryEmail: 'bob@example.com' }),
    'DELETE /api/users/:id (erin, member of an organization by JIT)': async () => {
      const users = (await call('GET', '/api/users?search.primaryEmail=erin%25')).body as { id: string }[];
      await call('DELETE', `/api/users/${users[0]?.id}`);
    },
    'PATCH /api/users/:id/password (alice, by admin)': () =>
      call('PATCH', `/api/users/${alice}/password`, { password: 'alice-Passw0rd' }),
    'PATCH /api/users/:id (alice name back)': () =>
      call('PATCH', `/api/users/${alice}`, { name: 'Alice Example' }),
    // Most of it was done when the world was opened; the recording's sign-ins are left.
    'setup: resources, scopes, roles, users, organizations created by 01-setup': async () => {
      for (let n = 0; n < 4; n += 1) await flows.authorize('alice');
      await flows.authorize('bob');
    },
  };
}
