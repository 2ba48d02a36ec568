import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { openPermitCaller, type PermitCaller } from '../../support/permit-caller.ts';

let permit: PermitCaller;
beforeAll(async () => {
  permit = await openPermitCaller();
});
afterAll(() => permit.close());

const question = {
  user: { key: 'alice0000000' },
  action: 'view',
  resource: { type: 'reports', tenant: 'default' },
};
const post = (path: string, body: unknown, headers = {}) => permit.call('POST', path, body, { headers });
const withoutUser = { action: 'view', resource: { type: 'reports' } };
const withNull = { ...question, user: { key: 'alice0000000', attributes: null }, context: null };
const firstVersion = { ...question, user: 'alice0000000' };

describe.each(['/allowed', '/authorized_users', '/user-permissions'])('%s, in front', (path) => {
  it('refuses as text', async () => {
    expect((await post(path, '{')).status).toBe(400);
    expect((await post(path, {}, { 'content-type': 'text/plain' })).status).toBe(415);
    const answer = await post(path, {});
    expect(answer).toMatchObject({ status: 422, body: undefined });
    expect(answer.text).toContain('Failed to deserialize');
  });
});

describe.each(['/allowed/all-tenants', '/user-tenants'])('%s, behind', (path) => {
  it('refuses with one detail for each mistake', async () => {
    const broken = await post(path, '{');
    expect(broken.body.detail).toEqual([expect.objectContaining({ loc: ['body'] })]);
    expect([broken.status, (await post(path, {}, { 'content-type': 'text/plain' })).status]).toEqual([
      422, 422,
    ]);
    const { status, body } = await post(path, withoutUser);
    expect(status).toBe(422);
    expect(body.detail).toEqual([
      { loc: ['body', 'user'], msg: 'field required', type: 'value_error.missing' },
    ]);
  });

  it('reads null as left out', async () => {
    expect((await post(path, question)).status).toBe(200);
    expect((await post(path, withNull)).text).toBe((await post(path, question)).text);
  });
});

it('attributes of null are refused in front', async () => {
  expect((await post('/allowed', withNull)).status).toBe(422);
  expect((await post('/allowed', question)).body.allow).toBe(true);
});

it('only the one behind recognises the body of the first version', async () => {
  expect(await post('/allowed', firstVersion)).toMatchObject({ status: 422, body: undefined });
  expect((await post('/allowed/all-tenants', firstVersion)).status).toBe(421);
});

it('only health needs no key', async () => {
  const open = async (path: string) => (await permit.call('GET', path, undefined, { key: null })).status;
  expect(await Promise.all(['/health', '/healthy', '/ready'].map(open))).toEqual([200, 200, 200]);
  expect(await open('/version')).toBe(401);
  expect((await permit.call('GET', '/version')).body).toEqual({ api_version: 4 });
});
