import type { Express } from 'express';
import { observeHandlers, type RouteRow, routeTable } from '../../src/permission/route-census.ts';

export type SweepCaller = {
  name: string;
  /** Sent with every request of this caller. */
  headers: Record<string, string>;
  /** Status that a route with a permission must answer. */
  refusedWith: number;
  /** Status of a route for any authenticated caller; nothing when this caller may in. */
  unauthenticatedWith?: number;
};

export type SweepResult = {
  method: string;
  path: string;
  caller: string;
  expected: number;
  status: number;
  /** Guarded handlers that ran: none may. */
  ran: string[];
};

/**
 * Calls every guarded route of a running application as each of the callers, who may do nothing: for R routes
 * with a permission and three callers that is 3 × R refusals and no handler. `params` fills path parameters;
 * what it lacks is `x1`.
 *
 * @example
 * const results = await sweepRoutes({ app, baseUrl, callers, params: { reportId: 'r1' } });
 * expect(results.filter(wentWrong)).toEqual([]);
 */
export async function sweepRoutes(options: {
  app: Express;
  baseUrl: string;
  callers: readonly SweepCaller[];
  params?: Readonly<Record<string, string>>;
  only?: (row: RouteRow) => boolean;
}): Promise<SweepResult[]> {
  const { app, baseUrl, callers, params = {}, only = () => true } = options;
  const results: SweepResult[] = [];
  let ran: string[] = [];
  const stop = observeHandlers(app, (handler) => ran.push(handler));
  try {
    for (const row of routeTable(app).filter(only)) {
      for (const caller of callers) {
        const expected = expectedOf(row, caller);
        if (expected === undefined) continue;
        ran = [];
        const { method, path } = row;
        const url = baseUrl + path.replace(/:([A-Za-z0-9_]+)/g, (_, name: string) => params[name] ?? 'x1');
        const withBody = ['POST', 'PUT', 'PATCH'].includes(method);
        const response = await fetch(url, {
          method: method === 'ALL' ? 'GET' : method,
          redirect: 'manual',
          headers: { ...caller.headers, ...(withBody ? { 'content-type': 'application/json' } : {}) },
          ...(withBody ? { body: '{}' } : {}),
        });
        await response.arrayBuffer();
        results.push({ method, path, caller: caller.name, expected, status: response.status, ran });
      }
    }
  } finally {
    stop();
  }
  return results;
}

/** A refusal that was none, or a handler that ran. */
export function wentWrong({ expected, status, ran }: SweepResult): boolean {
  return status !== expected || ran.length > 0;
}

function expectedOf({ guard }: RouteRow, caller: SweepCaller): number | undefined {
  if (guard?.kind === 'permission') return caller.refusedWith;
  if (guard?.kind === 'authenticated') return caller.unauthenticatedWith;
  return undefined;
}
