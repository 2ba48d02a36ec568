import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Express, RequestHandler } from 'express';
import { Registry } from 'prom-client';
import { readConfig } from '../../src/app/config.ts';
import { createApp } from '../../src/app/create-app.ts';
import { ConfigurationError, routeTable, type Target } from '../../src/index.ts';
import { markGuard, markPassed } from '../../src/permission/guard-marks.ts';
import { setLoaded } from '../../src/permission/target.ts';
import { type AppStack, closeServer, startAppStack } from '../support/app-stack.ts';

type MakeGuard = (action: string, resource: string, target?: Target) => RequestHandler;
type Mutation = (original: MakeGuard) => MakeGuard;

let stack: AppStack;
let reportId: string;
const tokens: Record<string, string> = {};
beforeAll(async () => {
  stack = await startAppStack();
  for (const who of ['mallory', 'carol']) tokens[who] = await stack.emulators.tokenFor(who);
});
// A door that was found open may have led to a deletion.
async function newReport(): Promise<void> {
  reportId = (await stack.call('alice', 'POST', '/api/reports', { title: 'Guarded', body: '' })).body.id;
}
afterAll(() => stack.close());

/** The application with its `index`-th guard mutated; -1 mutates none. Resolves how many guards there were. */
function mutant(index: number, mutate: Mutation): { app: Express; guards: string[] } {
  const guards: string[] = [];
  const inTurn =
    (original: MakeGuard): MakeGuard =>
    (action, resource, target) => {
      const make = guards.length === index ? mutate(original) : original;
      guards.push(`${resource}:${action}`);
      return make(action, resource, target);
    };
  const { gate } = stack;
  const app = createApp({
    gate: {
      ...gate,
      requirePermission: inTurn(gate.requirePermission as MakeGuard) as typeof gate.requirePermission,
      requirePermittedScope: inTurn(
        gate.requirePermittedScope as MakeGuard,
      ) as typeof gate.requirePermittedScope,
      // The handlers of the first application do for all of them.
      outbox: { ...gate.outbox, register: () => undefined },
      metrics: new Registry(),
    },
    config: readConfig({}),
  });
  return { app, guards };
}

/** What the suite would notice: doors that are open to somebody without a role, or to a viewer who would write. */
async function openDoors(app: Express): Promise<string[]> {
  await newReport();
  const server = createServer(app).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const found: string[] = [];
  const rows = routeTable(app).filter(
    ({ guard, method }) => guard?.kind === 'permission' && method !== 'ALL',
  );
  for (const { method, path, permission } of rows) {
    const callers =
      permission?.startsWith('reports:') && permission !== 'reports:view'
        ? ['mallory', 'carol']
        : ['mallory'];
    for (const who of callers) {
      const target = path
        .replace(':reportId', reportId)
        .replace(':userId', 'dave00000000')
        .replace(':role', 'viewer')
        .replace(':id', '1');
      const answer = await fetch(`${url}${target}`, {
        method,
        headers: { Authorization: `Bearer ${tokens[who]}`, 'Content-Type': 'application/json' },
        // Not valid: an open door is seen without anything being changed behind it.
        ...(method === 'GET' ? {} : { body: '{"unknown":true}' }),
      });
      await answer.arrayBuffer();
      if (answer.status !== 403) found.push(`${who}: ${method} ${path} ${answer.status}`);
    }
  }
  await closeServer(server);
  return found;
}

const removed: Mutation = () => () =>
  function passes(_req, _res, next) {
    next();
  };

/** Loads what the guard would have loaded, and asks nobody. */
const opened: Mutation = () => (action, resource, target) => {
  const mark = { kind: 'permission', action, resource, tenant: 'current' } as const;
  const guard: RequestHandler = async (req, _res, next) => {
    if (target?.load && target.key) setLoaded(req, await target.load(req, target.key.read(req)));
    markPassed(req, mark);
    next();
  };
  return markGuard(guard, mark);
};

const weakened: Mutation = (original) => (_action, resource, target) => original('view', resource, target);

describe('the suite notices every guard that is missing', () => {
  it('and nothing is open as it is', async () => {
    const { app, guards } = mutant(-1, removed);
    expect(guards.length).toBeGreaterThan(12);
    expect(await openDoors(app)).toEqual([]);
  });

  it('removed: the application refuses to be put together', () => {
    const { guards } = mutant(-1, removed);
    // One guard of operations stands on several routes, and is counted once.
    const survivors = guards.filter((_guard, index) => {
      try {
        mutant(index, removed);
        return true;
      } catch (error) {
        return !(error instanceof ConfigurationError);
      }
    });
    expect(survivors).toEqual([]);
  });

  it('letting everybody through: the sweep finds the door', async () => {
    const { guards } = mutant(-1, removed);
    const survivors: string[] = [];
    for (const [index, guard] of guards.entries()) {
      if ((await openDoors(mutant(index, opened).app)).length === 0) survivors.push(guard);
    }
    expect(survivors).toEqual([]);
  });

  it('asking for less: a viewer would write', async () => {
    const { guards } = mutant(-1, removed);
    const survivors: string[] = [];
    for (const [index, guard] of guards.entries()) {
      if (!guard.startsWith('reports:') || guard === 'reports:view') continue;
      // The census then calls the route `view`, so the route is asked for by its own method and path.
      const { app } = mutant(index, weakened);
      const before = routeTable(mutant(-1, removed).app).filter(({ permission }) => permission === guard);
      const open = await openDoorsOf(
        app,
        before.map(({ method, path }) => `${method} ${path}`),
      );
      if (open === 0) survivors.push(guard);
    }
    expect(survivors).toEqual([]);
  });
});

async function openDoorsOf(app: Express, routes: readonly string[]): Promise<number> {
  await newReport();
  const server = createServer(app).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  let open = 0;
  for (const route of routes) {
    const [method = '', path = ''] = route.split(' ');
    const answer = await fetch(`${url}${path.replace(':reportId', reportId).replace(':userId', 'no%20id')}`, {
      method,
      headers: { Authorization: `Bearer ${tokens.carol}`, 'Content-Type': 'application/json' },
      body: '{"unknown":true}',
    });
    await answer.arrayBuffer();
    if (answer.status !== 403) open += 1;
  }
  await closeServer(server);
  return open;
}
