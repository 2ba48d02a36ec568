import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Agent, request } from 'undici';
import { createRouter } from '../../../src/emulators/permit/rest/router.ts';
import { restRoutes } from '../../../src/emulators/permit/rest/routes.ts';
import {
  type PermitEmulator,
  startPermitEmulator,
} from '../../../src/emulators/permit/start-permit-emulator.ts';
import { createConformance } from '../../support/permit-conformance.ts';
import { examplePolicy } from '../../support/permit-policy.ts';
import { createRandom, type Random } from '../../support/permit-random-world.ts';

const REQUESTS = Number(process.env.PERMIT_BAD_REQUESTS ?? 400);
const conformance = createConformance();
const agent = new Agent({ connections: 4 });
let emulator: PermitEmulator;
beforeAll(async () => {
  emulator = await startPermitEmulator({
    policy: examplePolicy,
    ...(conformance ? { observe: conformance.observe } : {}),
  });
});
afterAll(async () => {
  await agent.close();
  await emulator.close();
});

const KEYS = ['permit_key_environment', 'permit_key_organization', 'permit_key_nobody'];
const DECISIONS = [
  '/allowed',
  '/allowed/bulk',
  '/allowed/all-tenants',
  '/user-permissions',
  '/authorized_users',
  '/user-tenants',
  '/access/v1/evaluation',
  '/access/v1/evaluations',
];
/** Unknown everywhere: no request that names one of these may succeed in changing anything. */
const unknown = (random: Random): string =>
  random.pick([
    'nobody',
    '__proto__',
    'constructor',
    'a:b',
    'a:b:c',
    '%',
    ' ',
    '\u0000',
    'x'.repeat(20_000),
    '../..',
    '😀',
  ]);

function nonsense(random: Random, depth = 2): unknown {
  const leaf = [null, true, 0, -1, 1.5, '', [], {}, unknown(random), 'default', 'reports'];
  if (depth === 0 || random.chance(0.5)) return random.pick(leaf);
  if (random.chance(0.4)) return Array.from({ length: random.below(4) }, () => nonsense(random, depth - 1));
  const names = [
    'key',
    'user',
    'role',
    'tenant',
    'operations',
    'idents',
    'name',
    'attributes',
    'conditions',
    '__proto__',
  ];
  return Object.fromEntries(
    Array.from({ length: random.below(4) }, () => [random.pick(names), nonsense(random, depth - 1)]),
  );
}

/** One member too many makes every closed body wrong, however right the rest is. */
function badBody(random: Random): string {
  const kind = random.below(5);
  if (kind === 0) return random.pick(['{', '[1,', 'nul', '"', '{"key":}', '\u0000', '{"a":1}{"b":2}']);
  if (kind === 1)
    return JSON.stringify({ key: 'fine', name: 'Fine', actions: {}, unexpected: nonsense(random) });
  if (kind === 2) return JSON.stringify([nonsense(random), 1]);
  if (kind === 3) return JSON.stringify({ operations: [{ key: 'fine', name: 'Fine', extra: 1 }] });
  return JSON.stringify({ unexpected: 1, value: nonsense(random) });
}

function badRequest(random: Random): {
  method: string;
  path: string;
  body?: string;
  headers: Record<string, string>;
} {
  const headers: Record<string, string> = { authorization: `Bearer ${random.pick(KEYS)}` };
  if (random.chance(0.9))
    headers['content-type'] = random.pick(['application/json', 'application/json', 'text/plain']);
  if (random.chance(0.1)) headers['x-wait-timeout'] = random.pick(['x', '0', 'NaN']);
  if (random.chance(0.2)) {
    return { method: 'POST', path: random.pick(DECISIONS), body: badBody(random), headers };
  }
  const route = random.pick(createRouter(restRoutes).routes);
  // Deleting what exists is no bad request.
  const deletesScope = route.method === 'DELETE' && /\{(proj|env)_id\}$/.test(route.path);
  const scoped = !deletesScope && random.chance(0.8);
  const path = route.path
    .replace('{proj_id}', scoped ? 'default' : encodeURIComponent(unknown(random)))
    .replace('{env_id}', scoped ? 'dev' : encodeURIComponent(unknown(random)))
    .replace(/\{\w+\}/g, () => encodeURIComponent(`no-${unknown(random)}`));
  const query = random.pick([
    '',
    '?page=0',
    '?per_page=5000',
    '?page=x',
    '?include_total_count=maybe',
    '?search=%00',
    '?role=',
  ]);
  const harmless = route.method === 'GET';
  if (!harmless && route.path.endsWith('rotate-secret')) return badRequest(random);
  return {
    method: route.method,
    path: path + query,
    headers,
    ...(harmless ? {} : { body: badBody(random) }),
  };
}

it(`${REQUESTS} bad requests: no 500, and nothing changes`, async () => {
  const snapshot = () => JSON.stringify(emulator.state().environments);
  const before = snapshot();
  const statuses = new Map<number, number>();
  for (let i = 0; i < REQUESTS; i += 1) {
    const { method, path, body, headers } = badRequest(createRandom(i + 1));
    const answer = await request(`${emulator.url}${path}`, {
      dispatcher: agent,
      method: method as 'POST',
      headers,
      ...(body === undefined ? {} : { body }),
    });
    const text = await answer.body.text();
    statuses.set(answer.statusCode, (statuses.get(answer.statusCode) ?? 0) + 1);
    if (answer.statusCode >= 500)
      throw new Error(`${i}: ${method} ${path.slice(0, 200)} → ${answer.statusCode} ${text} ${body}`);
    if (method !== 'GET' && path.startsWith('/v2') && answer.statusCode < 300) {
      throw new Error(`${i}: ${method} ${path.slice(0, 200)} ${body?.slice(0, 300)} was accepted`);
    }
  }
  expect(snapshot()).toBe(before);
  for (const status of [401, 404, 422]) expect(statuses.get(status)).toBeGreaterThan(REQUESTS / 100);
  expect(conformance?.violations() ?? []).toEqual([]);
}, 600_000);
