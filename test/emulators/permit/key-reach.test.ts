import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { openPermitCaller, type PermitCaller } from '../../support/permit-caller.ts';

let permit: PermitCaller;
let scope: { organization_id: string; project_id: string; environment_id: string };
beforeEach(async () => {
  permit = await openPermitCaller();
  scope = (await permit.call('GET', '/v2/api-key/scope')).body;
});
afterEach(() => permit.close());

const key = 'permit_key_organization';
const make = (body: object) => permit.call('POST', '/v2/api-key', body, { key });
const only = (...names: (keyof typeof scope)[]) =>
  Object.fromEntries(names.map((name) => [name, scope[name]]));

it.each<[string, object, (keyof typeof scope)[], string[]]>([
  [
    'of an environment without ids',
    { object_type: 'env' },
    ['organization_id'],
    ['project_id', 'environment_id'],
  ],
  ['of an environment without its project', {}, ['organization_id', 'environment_id'], ['project_id']],
  ['that does not say what for', {}, ['organization_id'], ['project_id', 'environment_id']],
  ['of a project that does not say so', {}, ['organization_id', 'project_id'], ['environment_id']],
  ['of a project without an id', { object_type: 'project' }, ['organization_id'], ['project_id']],
])('makes no key %s', async (_name, more, names, lacking) => {
  const answer = await make({ ...only(...names), ...more });
  expect(answer.status).toBe(422);
  expect(answer.body.detail.map(({ loc }: { loc: string[] }) => loc[1])).toEqual(lacking);
});

it.each(['env', 'project', 'org'] as const)(
  'makes a key of level %s as far as asked',
  async (object_type) => {
    const made = await make({ ...scope, object_type });
    expect(made.body).toMatchObject({ object_type, owner_type: 'member' });
    const reach = await permit.call('GET', '/v2/api-key/scope', undefined, { key: made.body.secret });
    expect(reach.body).toEqual({
      organization_id: scope.organization_id,
      project_id: object_type === 'org' ? null : scope.project_id,
      environment_id: object_type === 'env' ? scope.environment_id : null,
    });
  },
);

it("an environment's key stays its own, whatever others it has", async () => {
  const own = async () => (await permit.call('GET', '/v2/api-key/default/dev', undefined, { key })).body;
  const before = await own();
  expect(before).toMatchObject({ access_level: 'admin', owner_type: 'pdp_config' });
  expect(before.secret).toBe(permit.emulator.keys.environment);
  await make({ ...scope, access_level: 'read' });
  expect((await own()).id).toBe(before.id);
  const rotated = await permit.call('POST', `/v2/api-key/${before.id}/rotate-secret`, {}, { key });
  expect(rotated.body.owner_type).toBe('pdp_config');
  expect(await own()).toMatchObject({ id: before.id, secret: rotated.body.secret, access_level: 'admin' });
});
