import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { openPermitCaller, type PermitCaller } from '../../support/permit-caller.ts';

let permit: PermitCaller;
beforeAll(async () => {
  permit = await openPermitCaller({ pdpPort: 0 });
});
afterAll(() => permit.close());

const REFUSED = 'You are not authorized to access this resource, please check your API key.';
const proxied = (method: string, path: string, key?: string | null, body?: unknown) =>
  permit.call(method, path, body, { base: permit.emulator.pdpUrl, ...(key === undefined ? {} : { key }) });

describe.each(['facts/users', '/facts/users'])('%s at the decision point', (path) => {
  it.each<[string, string | null, number, string]>([
    ['no key', null, 401, 'Missing Authorization header'],
    ['an unknown key', 'nobody', 403, REFUSED],
    ["a project's key", 'permit_key_project', 403, REFUSED],
    ["an organization's key", 'permit_key_organization', 403, REFUSED],
  ])('refuses %s as it does for decisions', async (_name, key, status, text) => {
    expect(await proxied('GET', path, key)).toMatchObject({ status, text });
    expect(await proxied('POST', path, key, { key: 'new' })).toMatchObject({ status, text });
    expect((await permit.call('GET', 'facts/users/new')).status).toBe(404);
  });

  it("forwards with the key of the decision point's environment", async () => {
    expect((await proxied('GET', path)).body.total_count).toBe(7);
  });
});

it('reaches no other environment', async () => {
  const other = { key: 'other', name: 'Other' };
  const key = permit.emulator.keys.project;
  expect((await permit.call('POST', '/v2/projects/default/envs', other, { key })).status).toBe(200);
  const answer = await proxied('GET', '/v2/facts/default/other/users');
  expect(answer).toMatchObject({ status: 403, body: { error_code: 'FORBIDDEN_ACCESS' } });
});

it('leads to facts alone', async () => {
  for (const path of ['schema/resources', '/v2/projects', '/v2/api-key/scope']) {
    expect((await proxied('GET', path)).status).toBe(501);
    expect((await permit.call('GET', path)).status).toBeLessThan(404);
  }
  const project = await proxied('POST', '/v2/projects', 'permit_key_organization', { key: 'p', name: 'P' });
  expect(project.status).toBe(403);
});

it('has the same door on the shared port, where the API keeps its own', async () => {
  expect(await permit.call('GET', '/facts/users', undefined, { key: null })).toMatchObject({
    status: 401,
    text: 'Missing Authorization header',
  });
  expect((await permit.call('GET', '/facts/users')).body.total_count).toBe(7);
  const direct = await permit.call('GET', 'facts/users', undefined, { key: 'nobody' });
  expect(direct).toMatchObject({ status: 401, body: { error_code: 'UNAUTHORIZED' } });
  expect((await permit.call('GET', 'facts/users', undefined, { key: 'permit_key_project' })).status).toBe(
    200,
  );
});

it('reads a query to its end', async () => {
  await permit.call('POST', 'facts/users', { key: 'zoe', first_name: 'Zo?e' });
  for (const path of ['facts/users', '/facts/users']) {
    expect((await permit.call('GET', `${path}?search=o?e`)).body.data).toEqual([
      expect.objectContaining({ key: 'zoe' }),
    ]);
  }
  const local = await permit.call('GET', '/local/role_assignments?role=viewer&user=carol0000000?');
  expect(local.body).toEqual([]);
});
