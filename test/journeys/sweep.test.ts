import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { observeHandlers, type RouteRow, routeTable } from '../../src/index.ts';
import { type AppStack, startAppStack } from '../support/app-stack.ts';

let stack: AppStack;
let routes: RouteRow[];
const ran: string[] = [];
beforeAll(async () => {
  stack = await startAppStack();
  routes = routeTable(stack.app).filter(({ method, guard }) => method !== 'ALL' && guard !== undefined);
  observeHandlers(stack.app, (handler) => ran.push(handler));
});
afterAll(() => stack.close());

/** A path that the route takes, with ids of the right shape. */
const concrete = (path: string) =>
  path
    .replace(':reportId', '00000000-0000-4000-8000-000000000000')
    .replace(':userId', 'carol0000000')
    .replace(':role', 'viewer')
    .replace(':id', '1');

/** Guards are looked up by kind: each closed door is knocked at by three who may not enter. */
async function sweep(
  who: string | undefined,
  expected: number,
  which: (row: RouteRow) => boolean,
): Promise<number> {
  const chosen = routes.filter(which);
  for (const { method, path } of chosen) {
    ran.length = 0;
    const body = ['POST', 'PUT', 'PATCH'].includes(method) ? {} : undefined;
    const answer = await stack.call(who, method, concrete(path), body);
    expect({
      method,
      path,
      status: answer.status,
      ran: ran.filter((name) => name !== 'readJsonBody'),
    }).toEqual({
      method,
      path,
      status: expected,
      ran: [],
    });
  }
  return chosen.length;
}

const permission = ({ guard }: RouteRow) => guard?.kind === 'permission';
const closed = ({ guard }: RouteRow) => guard?.kind === 'permission' || guard?.kind === 'authenticated';

describe('every route, knocked at by those who may not enter', () => {
  it('nobody: 401, and no handler runs', async () => {
    expect(await sweep(undefined, 401, closed)).toBeGreaterThan(18);
  });

  it('somebody without a role: 403, and no handler runs', async () => {
    expect(await sweep('mallory', 403, permission)).toBeGreaterThan(15);
  });

  it('the administrator of another organization, acting in this one: 403, and no handler runs', async () => {
    const all = routes.filter(permission).length;
    expect(await sweep('erin@acme', 403, permission)).toBe(all);
  });

  it('the administrator of another organization: 403 on objects and operations', async () => {
    const aboutObjects = (row: RouteRow) =>
      permission(row) &&
      (row.path.includes(':reportId') || row.permission?.startsWith('operations') === true);
    expect(await sweep('erin@globex', 403, aboutObjects)).toBeGreaterThan(10);
  });

  it('while the PDP is away: 503, and no handler runs', async () => {
    await fetch(`${stack.emulators.permit.url}/_emulator/faults`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ match: {}, status: 500 }),
    });
    const asks = (row: RouteRow) => permission(row) && !row.path.includes(':reportId');
    expect(await sweep('alice', 503, asks)).toBeGreaterThan(5);
    await fetch(`${stack.emulators.permit.url}/_emulator/faults`, { method: 'DELETE' });
  });
});
