import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type LogtoEmulator, startLogtoEmulator } from '../../../src/emulators/logto/emulator.ts';
import { createManagementCaller, type ManagementCaller } from '../../support/logto-management-caller.ts';
import { openReceiver, type Receiver } from '../../support/logto-receiver.ts';

type Named = { id: string; name: string };
let logto: LogtoEmulator;
let receiver: Receiver;
let call: ManagementCaller;
beforeAll(async () => {
  receiver = await openReceiver('key');
  logto = await startLogtoEmulator({ webhookUrl: receiver.url, webhookSigningKey: 'key' });
});
beforeEach(async () => {
  await logto.reset();
  call = await createManagementCaller(logto);
  receiver.received.length = 0;
});
afterAll(async () => {
  await logto.close();
  await receiver.close();
});

describe('lists', () => {
  it('are walked by counting pages: everybody once, newest first', async () => {
    for (let n = 0; n < 25; n += 1) await call('POST', '/api/users', { username: `user${n}` });
    const seen: string[] = [];
    for (let page = 1; ; page += 1) {
      const { body, headers } = await call('GET', `/api/users?page=${page}&page_size=10`);
      expect(headers.get('total-number')).toBe('31');
      if (body.length === 0) break;
      seen.push(...body.map(({ id }: Named) => id));
    }
    expect(new Set(seen).size).toBe(31);
    const times = (await call('GET', '/api/users?page_size=100')).body.map(
      ({ createdAt }: { createdAt: number }) => createdAt,
    );
    expect(times).toEqual(times.toSorted((a: number, b: number) => b - a));
  });

  it.each([
    ['search=%25alic%25', ['alice']],
    ['search.username=bob', ['bob']],
    ['search.primaryEmail=CAROL%40example.com&mode=exact', ['carol']],
    ['search.primaryEmail=CAROL%40example.com&mode=exact&isCaseSensitive=true', []],
    ['search.username=%25a%25&search.name=%25moss%25&joint=and', ['mallory']],
    ['search.id=alice0000000', ['alice']],
  ])('of users are searched by %s', async (query, expected) => {
    const { body } = await call('GET', `/api/users?${query}`);
    expect(body.map(({ username }: { username: string }) => username).sort()).toEqual(expected);
  });

  it('of roles go by kind, and name who has them', async () => {
    const { body } = await call('GET', '/api/roles?type=MachineToMachine');
    const viewer = body.find(({ name }: Named) => name === 'viewer');
    const machines = (await call('GET', `/api/roles/${viewer.id}/applications`)).body;
    expect(machines.map(({ name }: Named) => name)).toEqual(['reporter']);
    const users = (await call('GET', '/api/roles?type=User')).body.find(
      ({ name }: Named) => name === 'viewer',
    );
    const people = (await call('GET', `/api/roles/${users.id}/users`)).body;
    expect(people.map(({ username }: { username: string }) => username).sort()).toEqual(['carol', 'dave']);
  });
});

describe('deletions', () => {
  it('take the references along, and tell nobody of those', async () => {
    const editor = (await call('GET', '/api/roles?type=User')).body.find(
      ({ name }: Named) => name === 'editor',
    );
    await call('DELETE', `/api/roles/${editor.id}`);
    await call('DELETE', '/api/organizations/acme00000000');
    await logto.settled();
    expect((await call('GET', '/api/users/bob000000000/roles')).body).toEqual([]);
    expect((await call('GET', '/api/users/bob000000000/organizations')).body).toEqual([]);
    expect(receiver.events().sort()).toEqual(['Organization.Deleted', 'Role.Deleted']);
    expect((await call('DELETE', `/api/roles/${editor.id}`)).status).toBe(404);
  });
});

describe('machines in organizations', () => {
  it('join, get a role, and are listed with it', async () => {
    const path = '/api/organizations/acme00000000/applications';
    await call('POST', path, { applicationIds: ['reporter000000000000a'] });
    const role = (await call('POST', '/api/organization-roles', { name: 'worker', type: 'MachineToMachine' }))
      .body as Named;
    await call('POST', `${path}/reporter000000000000a/roles`, { organizationRoleIds: [role.id] });
    expect((await call('GET', path)).body).toMatchObject([
      { name: 'reporter', organizationRoles: [{ id: role.id, name: 'worker' }] },
    ]);
    await logto.settled();
    expect(receiver.received.map(({ body }) => body.addedApplicationIds)).toContainEqual([
      'reporter000000000000a',
    ]);
  });
});

describe('hooks', () => {
  const create = (events: string[]) =>
    call('POST', '/api/hooks', {
      name: 'second',
      events,
      config: { url: receiver.url, headers: { 'x-of': 'mine' } },
    });

  it('get what they subscribed to, under a key of their own that can be replaced', async () => {
    const hook = (await create(['User.Deleted'])).body;
    expect(hook.signingKey).toMatch(/^\w{32}$/);
    await call('PATCH', '/api/users/bob000000000', { name: 'B' });
    await call('DELETE', '/api/users/bob000000000');
    await logto.settled();
    const mine = receiver.received.filter(({ headers }) => headers['x-of'] === 'mine');
    expect(mine).toMatchObject([{ body: { event: 'User.Deleted', hookId: hook.id } }]);
    const changed = (await call('PATCH', `/api/hooks/${hook.id}/signing-key`)).body;
    expect(changed.signingKey).not.toBe(hook.signingKey);
    await call('PATCH', `/api/hooks/${hook.id}`, { enabled: false });
    await call('DELETE', '/api/users/carol0000000');
    await logto.settled();
    expect(receiver.received.filter(({ headers }) => headers['x-of'] === 'mine')).toHaveLength(1);
  });

  it('keep a log of what failed, with the body that was lost', async () => {
    const [hook] = (await call('GET', '/api/hooks')).body;
    receiver.answerWith(500);
    await call('PATCH', '/api/users/bob000000000', { name: 'B' });
    await logto.settled();
    await call('PATCH', '/api/users/bob000000000', { name: 'C' });
    await logto.settled();
    const { body } = await call('GET', `/api/hooks/${hook.id}/recent-logs?page_size=10`);
    expect(body).toMatchObject([
      { payload: { result: 'Success' } },
      {
        key: 'TriggerHook.User.Data.Updated',
        payload: {
          result: 'Error',
          response: { statusCode: 500 },
          hookRequest: { body: { event: 'User.Data.Updated', data: { name: 'B' } } },
        },
      },
    ]);
    const later = await call('GET', `/api/hooks/${hook.id}/recent-logs?start_time=${Date.now() + 1_000}`);
    expect(later.body).toEqual([]);
    logto.setClock(86_401);
    call = await createManagementCaller(logto);
    expect((await call('GET', `/api/hooks/${hook.id}/recent-logs`)).body).toEqual([]);
  });

  it('tell when the test payload is not taken', async () => {
    const [hook] = (await call('GET', '/api/hooks')).body;
    const test = { events: ['PostRegister'], config: { url: receiver.url } };
    expect((await call('POST', `/api/hooks/${hook.id}/test`, test)).status).toBe(204);
    receiver.answerWith(403);
    const refused = await call('POST', `/api/hooks/${hook.id}/test`, test);
    expect([refused.status, refused.body.code]).toEqual([422, 'hook.endpoint_responded_with_error']);
    expect(receiver.received.every(({ verified }) => verified)).toBe(true);
  });
});

describe('who may call', () => {
  it('is refused without the scope all, and let in with it', async () => {
    const { token } = await logto.mintToken({
      machine: 'management0000000000a',
      resource: 'https://default.logto.app/api',
      scopes: [],
    });
    const answer = await fetch(`${logto.url}/api/users`, { headers: { authorization: `Bearer ${token}` } });
    expect(answer.status).toBe(403);
    expect((await call('GET', '/api/users')).status).toBe(200);
  });

  it('is not let in with a token of before a key was dropped', async () => {
    await logto.rotateKeys({ dropPrevious: true });
    expect((await call('GET', '/api/users')).status).toBe(401);
  });
});
