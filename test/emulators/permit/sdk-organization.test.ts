import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { Permit } from 'permitio';
import { openSdkWorld, refusalOf, type SdkWorld, sdkFor } from '../../support/permit-sdk.ts';

let world: SdkWorld;
let owner: Permit;
beforeAll(async () => {
  world = await openSdkWorld({}, 'organization');
  owner = world.permit;
});
afterAll(async () => {
  await world.close();
});

it('projects: create with two environments, read, change, delete', async () => {
  const { projects, environments } = owner.api;
  const created = await projects.create({ key: 'second', name: 'Second' });
  expect((await projects.get('second')).id).toBe(created.id);
  expect((await projects.getByKey('second')).id).toBe(created.id);
  expect((await projects.getById(created.id)).key).toBe('second');
  expect((await projects.list()).map(({ key }) => key)).toEqual(['default', 'second']);
  expect((await refusalOf(projects.create({ key: 'second', name: 'Again' }))).status).toBe(409);
  expect((await environments.list({ projectKey: 'second' })).map(({ key }) => key)).toEqual([
    'dev',
    'production',
  ]);
  expect((await projects.update('second', { name: 'Renamed' })).name).toBe('Renamed');
  await projects.delete('second');
  expect((await refusalOf(projects.get('second'))).status).toBe(404);
});

it('environments: create, key, copy, statistics, change, delete', async () => {
  const { environments } = owner.api;
  const created = await environments.create('default', { key: 'staging', name: 'Staging' });
  expect((await environments.get('default', 'staging')).id).toBe(created.id);
  expect((await environments.getByKey('default', 'staging')).id).toBe(created.id);
  expect((await environments.getById(created.project_id, created.id)).key).toBe('staging');
  expect((await environments.update('default', 'staging', { name: 'Stage' })).name).toBe('Stage');

  const { secret } = await environments.getApiKey('default', 'staging');
  const staging = sdkFor(world.emulator, { token: secret ?? '' });
  // Its own world: the tenant default and nothing else.
  expect((await staging.api.tenants.list()).map(({ key }) => key)).toEqual(['default']);
  expect(await staging.check('alice0000000', 'view', 'reports')).toBe(false);

  const copy = await environments.copy('default', 'dev', {
    target_env: { new: { key: 'copy', name: 'Copy' } },
  });
  const { secret: copied } = await environments.getApiKey('default', copy.key);
  const inCopy = sdkFor(world.emulator, { token: copied ?? '' });
  expect((await inCopy.api.roles.list()).map(({ key }) => key)).toEqual(['admin', 'editor', 'viewer']);
  expect((await inCopy.api.users.list()).total_count).toBe(0);
  await inCopy.api.users.sync({ key: 'zoe', role_assignments: [{ role: 'viewer', tenant: 'default' }] });
  expect(await inCopy.check('zoe', 'view', 'reports')).toBe(true);
  const conflict = environments.copy('default', 'dev', { target_env: { existing: 'copy' } });
  expect((await refusalOf(conflict)).status).toBe(409);
  await environments.copy('default', 'dev', { target_env: { existing: 'staging' } });
  expect(await staging.api.resources.list()).toHaveLength(2);

  expect((await environments.getStats('default', 'dev')).stats).toMatchObject({ roles: 3, resources: 2 });
  await environments.delete('default', 'copy');
  await expect(inCopy.check('zoe', 'view', 'reports')).rejects.toThrow('403');
});

it('a key reaches its own level and no further', async () => {
  const { keys, url } = world.emulator;
  const stranger = sdkFor(world.emulator, { token: 'permit_key_unknown' });
  await expect(stranger.api.users.list()).rejects.toThrow('api key scope');

  const scopes = { environment: ['p', 'e'], project: ['p'], organization: [] };
  for (const level of ['environment', 'project', 'organization'] as const) {
    const answer = await fetch(`${url}/v2/api-key/scope`, {
      headers: { authorization: `Bearer ${keys[level]}` },
    });
    const { project_id, environment_id } = (await answer.json()) as Record<string, string | null>;
    expect([project_id && 'p', environment_id && 'e'].filter(Boolean)).toEqual(scopes[level]);
  }
  const other = await owner.api.environments.create('default', { key: 'other', name: 'Other' });
  const there = (key: string) =>
    fetch(`${url}/v2/facts/default/${other.id}/users`, { headers: { authorization: `Bearer ${key}` } });
  expect((await there(keys.environment)).status).toBe(403);
  expect((await there(keys.project)).status).toBe(200);
  const inProject = { method: 'POST', headers: { authorization: `Bearer ${keys.project}` } };
  expect((await fetch(`${url}/v2/projects`, inProject)).status).toBe(403);
  // Only an environment's key opens its decision point.
  const check = sdkFor(world.emulator, { token: keys.organization }).check('alice0000000', 'view', 'reports');
  await expect(check).rejects.toThrow('403');
});

it('keys: create with less access, list, rotate, delete', async () => {
  const { keys, url } = world.emulator;
  const call = async (method: string, path: string, key: string, body?: unknown) => {
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
    const answer = await fetch(`${url}${path}`, {
      method,
      headers,
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    return {
      status: answer.status,
      body: (await answer.json().catch(() => undefined)) as Record<string, string>,
    };
  };
  const { body: scope } = await call('GET', '/v2/api-key/scope', keys.environment);
  const users = `/v2/facts/${scope.project_id}/${scope.environment_id}/users`;
  const { body: made } = await call('POST', '/v2/api-key', keys.project, { ...scope, access_level: 'read' });
  expect((await call('GET', users, made.secret ?? '')).status).toBe(200);
  expect((await call('POST', users, made.secret ?? '', { key: 'x' })).status).toBe(403);
  expect((await call('POST', users, keys.environment, { key: 'x' })).status).toBe(200);

  const { body: rotated } = await call('POST', `/v2/api-key/${made.id}/rotate-secret`, keys.project);
  expect((await call('GET', users, made.secret ?? '')).status).toBe(401);
  expect((await call('GET', users, rotated.secret ?? '')).status).toBe(200);
  expect((await call('GET', '/v2/api-key', keys.environment)).body).toMatchObject({ total_count: 2 });
  expect((await call('DELETE', `/v2/api-key/${made.id}`, keys.project)).status).toBe(204);
  expect((await call('GET', users, rotated.secret ?? '')).status).toBe(401);
  const wider = { organization_id: scope.organization_id, object_type: 'org' };
  expect((await call('POST', '/v2/api-key', keys.environment, wider)).status).toBe(403);
});

it('left no operation of these groups out, and kept to the document', () => {
  const groups = ['projects', 'environments'];
  expect(world.operations(groups).length).toBe(17);
  expect(world.notCalled(groups)).toEqual([]);
  if (!world.conformance) return;
  expect(world.conformance.violations()).toEqual([]);
  expect(world.conformance.checked()).toBeGreaterThan(30);
});
