import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  type PermitEmulator,
  startPermitEmulator,
} from '../../../src/emulators/permit/start-permit-emulator.ts';
import { examplePolicy } from '../../support/permit-policy.ts';

let emulator: PermitEmulator;
beforeAll(async () => {
  emulator = await startPermitEmulator({ policy: examplePolicy, opaPort: 0 });
});
afterAll(() => emulator.close());

const json = { 'content-type': 'application/json' };
const keyed = (key: string = emulator.keys.environment) => ({ ...json, authorization: `Bearer ${key}` });
const question = {
  user: { key: 'alice0000000' },
  action: 'view',
  resource: { type: 'reports', tenant: 'default' },
};

async function post(
  path: string,
  body: unknown,
  headers: Record<string, string> = keyed(),
  base = emulator.url,
) {
  const answer = await fetch(`${base}${path}`, {
    method: 'POST',
    headers,
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  const text = await answer.text();
  return { status: answer.status, text, json: () => JSON.parse(text) as never };
}

describe("the decision point's door", () => {
  it.each([
    ['no key', {}, 401, 'Missing Authorization header'],
    ['another scheme', { authorization: 'Basic x' }, 403, undefined],
    ['an unknown key', { authorization: 'Bearer nobody' }, 403, undefined],
    ['a longer key', { authorization: 'Bearer permit_key_environment2' }, 403, undefined],
    ['a key of the project', { authorization: 'Bearer permit_key_project' }, 403, undefined],
  ])('refuses %s', async (_name, headers, status, text) => {
    const refusal = 'You are not authorized to access this resource, please check your API key.';
    for (const path of ['/allowed', '/allowed/bulk', '/user-permissions', '/access/v1/evaluation']) {
      const answer = await post(path, question, { ...json, ...headers } as Record<string, string>);
      expect(answer).toMatchObject({ status, text: text ?? refusal });
    }
  });

  it('takes the scheme in any case', async () => {
    const answer = await post('/allowed', question, {
      ...json,
      authorization: 'bEARER permit_key_environment',
    });
    expect(answer.status).toBe(200);
  });

  it.each([
    ['what is no JSON', '{', keyed, 400],
    [
      'no content type',
      '{}',
      () => ({ authorization: `Bearer ${emulator.keys.environment}`, 'content-type': '' }),
      415,
    ],
    ['a missing user', { action: 'view', resource: { type: 'reports' } }, keyed, 422],
    ['a missing action', { user: { key: 'a' }, resource: { type: 'reports' } }, keyed, 422],
    ['attributes of null', { ...question, user: { key: 'a', attributes: null } }, keyed, 422],
    ["the first version's body", { ...question, user: 'alice0000000' }, keyed, 422],
  ])('refuses %s', async (_name, body, headers, status) => {
    const answer = await post('/allowed', body, headers());
    expect(answer.status).toBe(status);
    expect(answer.text).not.toBe('');
  });

  it('ignores members that it does not know', async () => {
    const answer = await post('/allowed', {
      ...question,
      sdk: 'node',
      more: 1,
      user: { key: 'alice0000000', firstName: 'A' },
    });
    expect(answer.json()).toMatchObject({ allow: true });
  });

  it('answers only GET where there is nothing to decide, and 501 where it has nothing', async () => {
    for (const path of ['/health', '/healthy', '/ready']) {
      const answer = await fetch(`${emulator.url}${path}`);
      expect(await answer.json()).toMatchObject({ status: 'ok', components: { opa: { status: 'ok' } } });
    }
    const version = await fetch(`${emulator.url}/version`, { headers: keyed() });
    expect(await version.json()).toEqual({ api_version: 4 });
    expect((await fetch(`${emulator.url}/version`)).status).toBe(401);
    expect((await fetch(`${emulator.url}/healthchecks/opa/ready`)).status).toBe(401);
    expect((await fetch(`${emulator.url}/allowed`, { headers: keyed() })).status).toBe(405);
    const lacking = await post('/v2/nothing/like/it', {});
    expect(lacking).toMatchObject({ status: 501 });
    expect(lacking.json()).toMatchObject({ code: 'not_emulated' });
  });
});

describe('answers', () => {
  it('tells why', async () => {
    const allowed = (await post('/allowed', question)).json();
    expect(allowed).toMatchObject({
      allow: true,
      result: true,
      query: {},
      debug: {
        request: { user: { key: 'alice0000000', synced: true }, tenant: 'default', action: 'view' },
        rbac: { allow: true, code: 'allow', allowing_roles: ['admin'] },
      },
    });
    const denied = (await post('/allowed', { ...question, user: { key: 'nobody' } })).json();
    expect(denied).toMatchObject({
      allow: false,
      result: false,
      debug: {
        request: { user: { synced: false } },
        rbac: { code: 'user_not_synced', support_link: 'https://docs.permit.io/errors/user_not_synced' },
      },
    });
  });

  it('answers many in the order of the questions', async () => {
    const many = [question, { ...question, action: 'fly' }, { ...question, user: { key: 'x' } }];
    const { allow } = (await post('/allowed/bulk', many)).json() as { allow: { allow: boolean }[] };
    expect(allow.map((one) => one.allow)).toEqual([true, false, false]);
    expect((await post('/allowed/bulk', [])).json()).toEqual({ allow: [] });
    expect((await post('/allowed/bulk', { allow: many })).status).toBe(422);
  });

  it("lists tenants where it is allowed, the user's tenants, and who may", async () => {
    const { allowed_tenants } = (await post('/allowed/all-tenants', question)).json() as {
      allowed_tenants: { allow: boolean; tenant: { key: string } }[];
    };
    expect(allowed_tenants.map(({ tenant }) => tenant.key)).toEqual(['default', 'acme00000000']);
    const tenants = (await post('/user-tenants', { user: { key: 'erin00000000' } })).json();
    expect(tenants).toEqual([{ key: 'globex000000', attributes: {} }]);
    const who = (
      await post('/authorized_users', {
        action: 'delete',
        resource: { type: 'reports', tenant: 'acme00000000' },
      })
    ).json();
    expect(who).toEqual({
      resource: 'reports:*',
      tenant: 'acme00000000',
      users: {
        alice0000000: [
          { user: 'alice0000000', tenant: 'acme00000000', resource: '__tenant:acme00000000', role: 'admin' },
        ],
      },
    });
  });

  it('lists its own role assignments', async () => {
    const get = async (query: string) =>
      (await fetch(`${emulator.url}/local/role_assignments?${query}`, { headers: keyed() })).json();
    expect(await get('user=carol0000000')).toEqual([
      { user: 'carol0000000', role: 'viewer', tenant: 'default' },
      { user: 'carol0000000', role: 'viewer', tenant: 'acme00000000' },
    ]);
    expect(await get('role=admin&tenant=globex000000')).toHaveLength(1);
    expect(await get('per_page=2&page=2')).toHaveLength(2);
    expect(
      (await fetch(`${emulator.url}/local/role_assignments?per_page=101`, { headers: keyed() })).status,
    ).toBe(422);
  });

  it('speaks AuthZEN', async () => {
    const evaluation = {
      subject: { type: 'user', id: 'alice0000000' },
      action: { name: 'delete' },
      resource: { type: 'reports', id: 'r1', properties: { tenant: 'default' } },
    };
    expect((await post('/access/v1/evaluation', evaluation)).json()).toMatchObject({ decision: true });
    const nowhere = { ...evaluation, resource: { type: 'reports', id: 'r1' } };
    expect((await post('/access/v1/evaluation', nowhere)).json()).toMatchObject({ decision: false });
    const { subject, resource } = evaluation;
    const many = {
      subject,
      resource,
      evaluations: [{ action: { name: 'delete' } }, { action: { name: 'fly' } }],
    };
    const answer = (await post('/access/v1/evaluations', many)).json() as {
      evaluations: { decision: boolean }[];
    };
    expect(answer.evaluations.map(({ decision }) => decision)).toEqual([true, false]);
    expect((await post('/access/v1/evaluations', { subject, evaluations: [] })).status).toBe(400);
    expect((await post('/access/v1/evaluations', { subject, evaluations: [{}] })).status).toBe(400);
  });

  it("answers OPA's path on a port of its own", async () => {
    const path = '/v1/data/permit/root';
    const answer = await post(path, { input: question }, keyed(), emulator.opaUrl);
    expect(answer.json()).toMatchObject({ result: { allow: true, allowing_sources: ['rbac'] } });
    expect((await post(path, { input: question }, json, emulator.opaUrl)).status).toBe(401);
    expect((await post('/allowed', question, keyed(), emulator.opaUrl)).status).toBe(501);
    expect((await post(path, { input: question })).status).toBe(501);
  });
});
