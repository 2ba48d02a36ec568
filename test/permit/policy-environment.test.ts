import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Permit } from 'permitio';
import { systemClock } from '../../src/clock.ts';
import {
  type PermitEmulator,
  startPermitEmulator,
} from '../../src/emulators/permit/start-permit-emulator.ts';
import { emptySeed } from '../../src/emulators/seed.ts';
import { definePolicy } from '../../src/permission/define-policy.ts';
import type { PolicyInput } from '../../src/permission/policy.ts';
import { applyPolicyStep } from '../../src/permit/policy-apply.ts';
import { createPolicyEnvironment, type PolicyEnvironment } from '../../src/permit/policy-environment.ts';
import { itemId } from '../../src/permit/policy-items.ts';
import { describeStep, type PolicyStep } from '../../src/permit/policy-plan.ts';

const whole = definePolicy({
  resources: {
    folders: { actions: ['view'], roles: { editor: ['view'] } },
    reports: {
      name: 'Reports',
      actions: ['view', 'edit'],
      attributes: { status: 'string' },
      roles: { owner: ['view', 'edit'], reader: ['view'] },
      relations: { parent: 'folders' },
      derivations: [{ role: 'reader', from: { resource: 'folders', role: 'editor' }, by: 'parent' }],
    },
  },
  roles: { viewer: ['reports:view'], clerk: [] },
  userAttributes: { age: 'number' },
  userSets: { adults: { conditions: { allOf: [{ 'user.age': { 'greater-than': 17 } }] } } },
  resourceSets: {
    drafts: { resource: 'reports', conditions: { allOf: [{ 'resource.status': { equals: 'draft' } }] } },
  },
  rules: [{ userSet: 'adults', permission: 'reports:view', resourceSet: 'drafts' }],
});
const other: PolicyInput = {
  resources: {
    folders: {
      actions: ['view', 'edit'],
      attributes: { size: 'number' },
      roles: { editor: ['view', 'edit'] },
    },
    reports: {
      name: 'Papers',
      actions: ['view'],
      attributes: { status: 'number' },
      roles: { reader: [] },
      relations: { parent: 'reports' },
    },
  },
  roles: { viewer: ['reports:view', 'folders:view'] },
  userAttributes: { age: 'string' },
  userSets: { adults: { conditions: { allOf: [{ 'user.age': { equals: 'old' } }] } } },
  resourceSets: {
    drafts: { resource: 'reports', conditions: { allOf: [{ 'resource.status': { equals: 1 } }] } },
  },
  rules: [],
};

let permit: PermitEmulator;
let environment: PolicyEnvironment;
beforeAll(async () => {
  permit = await startPermitEmulator({ seed: emptySeed, policy: { resources: {}, roles: {} } });
});
afterAll(() => permit.close());
beforeEach(async () => {
  await fetch(`${permit.url}/_emulator/reset`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{}',
  });
  await fault('DELETE');
  environment = createPolicyEnvironment({
    apiKey: 'permit_key_environment',
    apiUrl: permit.url,
    clock: systemClock,
    maxWaitMs: 100,
  });
});
const fault = (method: string, body: object = {}) =>
  fetch(`${permit.url}/_emulator/faults`, {
    method,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
const planned = async (policy: PolicyInput) => (await environment.plan(policy)).map(describeStep);

describe('a policy against an environment', () => {
  it('is pushed whole, and then there is nothing left to do', async () => {
    const told: string[] = [];
    const { done, skipped } = await environment.push(whole, {
      onStep: (step) => told.push(describeStep(step)),
    });
    expect(skipped).toEqual([]);
    expect(told).toEqual(done.map(describeStep));
    expect(done.length).toBeGreaterThan(8);
    expect(await planned(whole)).toEqual([]);
    expect((await environment.push(whole)).done).toEqual([]);
  });

  it('takes nothing away unless it is told to, and then leaves no trace of the former policy', async () => {
    await environment.push(whole);
    const gentle = await environment.push(other);
    expect(gentle.skipped.length).toBeGreaterThan(0);
    expect((await environment.plan(other)).every(({ destructive }) => destructive)).toBe(true);
    const harsh = await environment.push(other, { deletes: true });
    expect(harsh.skipped).toEqual([]);
    expect(await planned(other)).toEqual([]);
    await environment.push(whole, { deletes: true });
    expect(await planned(whole)).toEqual([]);
    await environment.push({ resources: {}, roles: {} }, { deletes: true });
    expect(await planned({ resources: {}, roles: {} })).toEqual([]);
  });

  it('is finished by the next push when one is cut off', async () => {
    await fault('POST', {
      match: { method: 'POST', path: '/v2/schema/*/roles' },
      status: 500,
      body: {},
      times: 1,
    });
    await expect(environment.push(whole)).rejects.toMatchObject({
      name: 'DirectoryError',
      kind: 'unavailable',
    });
    await environment.push(whole);
    expect(await planned(whole)).toEqual([]);
  });

  it('takes what somebody else has made meanwhile for done, and a refusal for one', async () => {
    const [first, second] = [environment.push(whole), environment.push(whole)];
    await Promise.all([first, second]);
    expect(await planned(whole)).toEqual([]);
    const stranger = createPolicyEnvironment({
      apiKey: 'permit_key_wrong',
      apiUrl: permit.url,
      clock: systemClock,
    });
    await expect(stranger.plan(whole)).rejects.toMatchObject({ kind: 'refused-key' });
  });

  it('reads every page, and moves a set to another resource', async () => {
    const many: PolicyInput = {
      ...whole,
      resources: {
        ...whole.resources,
        ...Object.fromEntries(Array.from({ length: 101 }, (_, n) => [`type${n}`, { actions: ['view'] }])),
      },
      roles: { ...whole.roles, ...Object.fromEntries(Array.from({ length: 101 }, (_, n) => [`r${n}`, []])) },
    };
    await environment.push(many);
    expect(await environment.plan(many)).toEqual([]);
    const moved: PolicyInput = {
      ...many,
      resourceSets: { drafts: { resource: 'folders', conditions: { allOf: [] } } },
      rules: [{ userSet: 'adults', permission: 'folders:view', resourceSet: 'drafts' }],
    };
    await environment.push(moved, { deletes: true });
    expect(await environment.plan(moved)).toEqual([]);
  });

  it('takes what is gone already for removed, and never guesses what cannot be changed', async () => {
    await environment.push(whole);
    await fault('POST', {
      match: { method: 'DELETE', path: '/v2/schema/*' },
      status: 404,
      body: { error_code: 'NOT_FOUND' },
      times: 1,
    });
    const { done } = await environment.push({ resources: {}, roles: {} }, { deletes: true });
    expect(done.length).toBeGreaterThan(0);
    const odd: PolicyStep = {
      verb: 'update',
      item: { kind: 'role', path: ['viewer'] },
      with: [],
      destructive: false,
    };
    await expect(applyPolicyStep({} as Permit, odd)).rejects.toThrow('nothing can update a role');
  });

  it('reads what the vendor leaves out or makes by itself', async () => {
    const answers: Record<string, unknown> = {
      '/v2/api-key/scope': { organization_id: 'o', project_id: 'p', environment_id: 'e' },
      '/v2/schema/p/e/resources': [
        { key: 'bare', name: 'bare', actions: null, attributes: null, relations: null },
        { key: '__user' },
      ],
      '/v2/schema/p/e/resources/bare/roles': [{ key: 'owner', permissions: null, granted_to: null }],
      '/v2/schema/p/e/roles': [{ key: 'viewer', permissions: null }],
      '/v2/schema/p/e/resources/__user/attributes': [
        { key: 'email', type: 'string' },
        { key: 'vip', type: 'bool', built_in: true },
      ],
      '/v2/schema/p/e/condition_sets': [
        { key: '__autogen_viewer', type: 'userset', autogenerated: true },
        { key: 'plain', type: 'userset' },
        { key: 'lost', type: 'resourceset', resource: null },
      ],
      '/v2/facts/p/e/set_rules': [
        { user_set: '__autogen_viewer', permission: 'bare:x', resource_set: 'lost' },
      ],
    };
    const server = createServer((req, res) => {
      res
        .setHeader('content-type', 'application/json')
        .end(JSON.stringify(answers[(req.url ?? '').split('?')[0] ?? ''] ?? []));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const bare = createPolicyEnvironment({
      apiKey: 'key',
      apiUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      clock: systemClock,
    });
    const steps = await bare.plan({ resources: {}, roles: {} });
    expect(steps.map(({ item }) => itemId(item)).sort()).toEqual([
      'resource bare',
      'resource-set lost',
      'role viewer',
      'user-set plain',
    ]);
    server.closeAllConnections();
    server.close();
  });

  it('waits as long as it is told to, within reason', async () => {
    const limited = (seconds: string, times: number) =>
      fault('POST', {
        match: { method: 'POST' },
        status: 429,
        headers: { 'Retry-After': seconds },
        body: {},
        times,
      });
    await limited('0', 2);
    await environment.push(whole);
    expect(await planned(whole)).toEqual([]);
    await limited('60', 1);
    await expect(environment.push(other)).rejects.toMatchObject({ kind: 'rate-limited' });
    await limited('soon', 1);
    await expect(environment.push(other)).rejects.toMatchObject({ kind: 'rate-limited' });
  });
});
