import type { Express, NextFunction, Request, Response } from 'express';
import { guardMarkOf, markPassed } from '../../src/permission/guard-marks.ts';

type Layer = {
  name: string;
  handle: ((req: Request, res: Response, next: NextFunction) => unknown) & { stack?: Layer[] };
  route?: { path: unknown; stack: Layer[] };
};

export type GuardMutant = {
  /** Which guard is gone: `/api/reports/:reportId reports:view`. */
  name: string;
  /** Runs `work` while that guard lets everybody through, verdict and all; puts it back afterwards. */
  without<T>(work: () => Promise<T>): Promise<T>;
};

/**
 * One mutant for each guard that refuses somebody: the guard is still there and says that it has looked, and
 * has not. A suite that stays green without a guard does not test it.
 *
 * @example
 * for (const mutant of guardMutants(app)) {
 *   const results = await mutant.without(() => sweepRoutes({ app, baseUrl, callers }));
 *   expect([mutant.name, results.some(wentWrong)]).toEqual([mutant.name, true]);
 * }
 */
export function guardMutants(app: Express): GuardMutant[] {
  return mutantsOf((app.router as unknown as { stack: Layer[] }).stack, '');
}

function mutantsOf(stack: readonly Layer[], at: string): GuardMutant[] {
  return stack.flatMap((layer) => {
    if (layer.route) return mutantsOf(layer.route.stack, `${at}${String(layer.route.path)}`);
    if (Array.isArray(layer.handle.stack)) return mutantsOf(layer.handle.stack, at);
    const mark = guardMarkOf(layer.handle);
    if (mark?.kind !== 'permission' && mark?.kind !== 'authenticated') return [];
    const name = mark.kind === 'permission' ? `${at} ${mark.resource}:${mark.action}` : `${at} authenticated`;
    return [
      {
        name,
        async without<T>(work: () => Promise<T>): Promise<T> {
          const guard = layer.handle;
          layer.handle = function sleepingGuard(req, _res, next) {
            markPassed(req, mark);
            next();
          };
          try {
            return await work();
          } finally {
            layer.handle = guard;
          }
        },
      },
    ];
  });
}
