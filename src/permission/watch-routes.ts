import { METHODS } from 'node:http';
import type { Express, NextFunction, Request, Response, Router } from 'express';
import { type GuardMark, passedGuardOf } from './guard-marks.ts';
import {
  guardsBefore,
  pathText,
  type RouteRecord,
  type RouterRecord,
  type Step,
  stepOf,
} from './route-record.ts';

// biome-ignore lint/complexity/noBannedTypes: what Express takes as a handler is any function
type Handler = Function & { stack?: Layer[]; handle?: unknown; set?: unknown; router?: Router };
type Layer = { handle: Handler; name: string; method?: string; route?: Route; rawPath?: unknown };
type Verb = (...handlers: unknown[]) => unknown;
type Route = { path: unknown; stack: Layer[] } & Record<string, unknown>;
type PatchableRouter = { stack: Layer[]; use: Verb; route: (path: unknown) => Route };

/** What one watched application shares: its record, the check for late routes, and a test's observer. */
export type Watch = {
  root: RouterRecord;
  /** Set once the start has been checked; throws when the record holds an unguarded route. */
  check: (() => void) | undefined;
  observe: ((step: Step, req: Request) => void) | undefined;
};

const watches = new WeakMap<object, Watch>();
const apps = new WeakMap<object, RouterRecord>();
const routers = new WeakMap<object, RouterRecord>();
const verbs = [...METHODS.map((method) => method.toLowerCase()), 'all'];

export function watchOf(app: Express): Watch | undefined {
  return watches.get(app);
}

/**
 * Records every `use`, `route` and verb of this application, and of the routers and applications mounted in
 * it, as they are called. Call it before the first route. From then on a handler that would run without the
 * verdict of its guard is answered 500.
 *
 * @example
 * const app = express();
 * watchRoutes(app);
 * // … routes …
 * assertGuarded(app);
 */
export function watchRoutes(app: Express): void {
  if (watches.has(app)) return;
  const watch: Watch = { root: { items: [] }, check: undefined, observe: undefined };
  watches.set(app, watch);
  watch.root = watchApp(app, watch);
}

function watchApp(app: Express, watch: Watch): RouterRecord {
  const seen = apps.get(app);
  if (seen) return seen;
  const record: RouterRecord = { items: [], complete: () => void app.router };
  apps.set(app, record);
  const mounting: Handler[] = [];
  const original = app.use as unknown as Verb;
  // Express wraps a mounted application in a closure of its own; the order tells which one it is.
  define(app, 'use', function use(this: unknown, ...parameters: unknown[]) {
    mounting.push(...handlersOf(parameters).filter(isApp));
    return original.apply(app, parameters);
  });
  // The router is made at its first use, with the settings of that moment; looking must not make it sooner.
  const { get } = Object.getOwnPropertyDescriptor(app, 'router') as { get: () => PatchableRouter };
  Object.defineProperty(app, 'router', {
    configurable: true,
    enumerable: true,
    get() {
      const router = get.call(app);
      watchRouter(router, watch, mounting, record);
      return router;
    },
  });
  return record;
}

function watchRouter(
  router: PatchableRouter,
  watch: Watch,
  mounting: Handler[],
  record: RouterRecord = { items: [] },
): RouterRecord {
  const seen = routers.get(router);
  if (seen) return seen;
  routers.set(router, record);
  for (const layer of router.stack) adopt(layer, record, watch);

  const originalUse = router.use;
  define(router, 'use', function use(...parameters: unknown[]) {
    const [first] = [parameters[0]].flat(Infinity as 1);
    const path = typeof first === 'function' ? '/' : pathText(parameters[0]);
    const before = record.items.length;
    for (const handler of handlersOf(parameters)) {
      const child = childOf(handler.name === 'mounted_app' ? mounting.shift() : handler, watch);
      record.items.push({ kind: 'use', path, step: stepOf(handler as never, '*'), child });
    }
    keepIfGuarded(watch, () => record.items.splice(before));
    return originalUse.apply(router, parameters);
  });

  const originalRoute = router.route;
  define(router, 'route', function route(path: unknown) {
    return watchRoute(originalRoute.call(router, path), record, watch);
  });
  return record;
}

/** A layer that was there before we looked: routers are often filled first and mounted later. */
function adopt(layer: Layer, record: RouterRecord, watch: Watch): void {
  if (layer.route) {
    watchRoute(layer.route, record, watch);
    return;
  }
  const step = stepOf(layer.handle as never, '*');
  // Releases of the router below 2.3 forget a layer's path.
  const path = layer.rawPath === undefined ? '(unknown)' : pathText(layer.rawPath);
  record.items.push({ kind: 'use', path, step, child: childOf(layer.handle, watch) });
}

function watchRoute(route: Route, record: RouterRecord, watch: Watch): Route {
  const entry: RouteRecord = { kind: 'route', path: pathText(route.path), steps: [], inherited: new Set() };
  record.items.push(entry);
  for (const layer of route.stack) {
    const step = stepOf(layer.handle as never, layer.method ?? '*');
    entry.steps.push(step);
    layer.handle = withTripwire(layer.handle, step, entry, watch);
  }
  for (const verb of verbs) {
    const original = route[verb] as Verb;
    define(route, verb, function register(...handlers: unknown[]) {
      const before = entry.steps.length;
      const wired = handlersOf(handlers).map((handler) => {
        const step = stepOf(handler as never, verb === 'all' ? '*' : verb);
        entry.steps.push(step);
        return withTripwire(handler, step, entry, watch);
      });
      keepIfGuarded(watch, () => entry.steps.splice(before));
      return original.apply(route, wired);
    });
  }
  return route;
}

function keepIfGuarded(watch: Watch, undo: () => void): void {
  try {
    watch.check?.();
  } catch (error) {
    undo();
    throw error;
  }
}

function withTripwire(handler: Handler, step: Step, route: RouteRecord, watch: Watch): Handler {
  if (step.mark || step.handlesErrors || typeof handler !== 'function') return handler;
  const call = handler as unknown as (req: Request, res: Response, next: NextFunction) => unknown;
  const known = new Map<string, ReadonlySet<GuardMark> | 'free'>();
  let knownSteps = -1;
  function guardsFor(method: string): ReadonlySet<GuardMark> | 'free' {
    if (knownSteps !== route.steps.length) {
      known.clear();
      knownSteps = route.steps.length;
    }
    let guards = known.get(method);
    if (!guards) {
      guards = guardsBefore(route, step, method.toLowerCase());
      known.set(method, guards);
    }
    return guards;
  }
  function tripwire(req: Request, res: Response, next: NextFunction): unknown {
    const wanted = guardsFor(req.method);
    if (wanted !== 'free') {
      const passed = passedGuardOf(req);
      if (!passed || !wanted.has(passed)) throw new Error(`handler "${step.name}" reached without a verdict`);
      watch.observe?.(step, req);
    }
    return call(req, res, next);
  }
  return Object.defineProperty(tripwire, 'name', { value: step.name });
}

function childOf(handler: Handler | undefined, watch: Watch): RouterRecord | undefined {
  if (!handler) return undefined;
  if (isApp(handler)) return watchApp(handler as unknown as Express, watch);
  return Array.isArray(handler.stack)
    ? watchRouter(handler as unknown as PatchableRouter, watch, [])
    : undefined;
}

function isApp(handler: Handler): boolean {
  return typeof handler === 'function' && Boolean(handler.handle && handler.set);
}

function handlersOf(parameters: unknown[]): Handler[] {
  return parameters.flat(Infinity as 1).filter((part): part is Handler => typeof part === 'function');
}

function define(target: object, name: string, value: unknown): void {
  Object.defineProperty(target, name, { value, configurable: true, writable: true });
}
