import type { Express, Request } from 'express';
import { ConfigurationError } from '../errors.ts';
import type { GuardMark } from './guard-marks.ts';
import {
  chainOf,
  guardsBefore,
  methodsOf,
  type RouteRecord,
  type RouterRecord,
  type Step,
} from './route-record.ts';
import { type Watch, watchOf } from './watch-routes.ts';

/** One route, or one piece of middleware that answers. */
export type RouteRow = {
  /** `GET` …, `ALL`, or `USE` for middleware that answers whatever comes below its path. */
  method: string;
  path: string;
  /** How the caller becomes known: `bearer`, `session`, `bearer or session`, `signature`, or nothing. */
  authentication: string;
  /** `resource:action`, with the tenant when it is not the caller's own. */
  permission: string | undefined;
  /** Why no permission is asked. */
  reason: string | undefined;
  guarded: boolean;
  guard: GuardMark | undefined;
  /** Names of the steps in their order. */
  steps: string[];
};

/**
 * Every route of a watched application with its guard; what `npm run routes` prints.
 *
 * @throws Error when the application is not watched.
 */
export function routeTable(app: Express): RouteRow[] {
  return collapse(walk(watched(app).root, '', []));
}

/**
 * Refuses to start with a route that no guard protects and that does not say why it is public. Afterwards
 * such a route throws where it is added.
 *
 * @throws ConfigurationError naming every unguarded route.
 */
export function assertGuarded(app: Express): void {
  const watch = watched(app);
  const check = () => {
    const open = collapse(walk(watch.root, '', [])).filter((row) => !row.guarded);
    if (open.length === 0) return;
    throw new ConfigurationError(
      open.map(
        ({ method, path, steps }) =>
          `${method} ${path} (${steps.join(', ')}) has no guard: add requirePermission, authenticatedRoute for any caller, or publicRoute with the reason`,
      ),
    );
  };
  check();
  watch.check = check;
}

/** For tests: tells of every guarded handler that runs. Returns the way to stop. */
export function observeHandlers(app: Express, observer: (handler: string, req: Request) => void): () => void {
  const watch = watched(app);
  watch.observe = (step, req) => observer(step.name, req);
  return () => {
    watch.observe = undefined;
  };
}

function watched(app: Express): Watch {
  const watch = watchOf(app);
  if (!watch) throw new Error('watchRoutes(app) has to come before the first route');
  return watch;
}

const OPEN_DOORS = new Set<GuardMark['kind'] | undefined>(['public', 'signature', 'session']);

type Before = { path: string; step: Step };

function walk(router: RouterRecord, prefix: string, outer: readonly Before[]): RouteRow[] {
  router.complete?.();
  const before = [...outer];
  const rows: RouteRow[] = [];
  for (const item of router.items) {
    const path = join(prefix, item.path);
    if (item.kind === 'route') rows.push(...rowsOf(item, path, before));
    else if (item.child) rows.push(...walk(item.child, path, before));
    else {
      if (item.step.answers && !item.step.mark && !item.step.handlesErrors) {
        const steps = covering(before, path);
        rows.push(rowOf('USE', path, [...steps, item.step], lastMark(steps)));
      }
      before.push({ path, step: item.step });
    }
  }
  return rows;
}

function rowsOf(route: RouteRecord, path: string, before: readonly Before[]): RouteRow[] {
  const outer = covering(before, path);
  const outerMark = lastMark(outer);
  if (outerMark) route.inherited.add(outerMark);
  // A router may be mounted twice: this row has the guards of this mount only.
  const here = new Set(outerMark ? [outerMark] : []);
  return methodsOf(route).map((method) => {
    const chain = chainOf(route, method);
    const last = chain.at(-1) as Step;
    const wanted = guardsBefore(route, last, method, here);
    // A guard that comes last guards nothing: the handler stands in front of it.
    const guard = last.mark || wanted === 'free' ? undefined : [...wanted][0];
    return rowOf(method === '*' ? 'ALL' : method.toUpperCase(), path, [...outer, ...chain], guard);
  });
}

function rowOf(method: string, path: string, steps: readonly Step[], guard: GuardMark | undefined): RouteRow {
  const names = steps.map((step) => step.name);
  const ways = [
    ...(names.some((name) => /^bearerAuth/.test(name)) ? ['bearer'] : []),
    ...(names.some((name) => /^session/i.test(name)) || guard?.kind === 'session' ? ['session'] : []),
    ...(guard?.kind === 'signature' ? ['signature'] : []),
  ];
  const permission =
    guard?.kind === 'permission'
      ? `${guard.resource}:${guard.action}${guard.tenant === 'default' ? ' in the default tenant' : ''}`
      : undefined;
  return {
    method,
    path,
    authentication: guard?.kind === 'public' ? '' : ways.join(' or '),
    permission,
    reason: guard && guard.kind !== 'permission' ? (guard.reason ?? guard.kind) : undefined,
    guarded: guard !== undefined || isRefusal(steps.at(-1)),
    guard,
    steps: names,
  };
}

/**
 * `use` steps that a request for `path` has met: those mounted at its start, on a segment's border. A reason
 * given for the whole application is none: `publicRoute` or `guardedBy` at the root covers nothing.
 */
function covering(before: readonly Before[], path: string): Step[] {
  return before
    .filter(({ path: at, step }) => at !== '/' || !OPEN_DOORS.has(step.mark?.kind))
    .filter(({ path: at }) => at === '/' || path === at || path.startsWith(`${at}/`))
    .map(({ step }) => step)
    .filter((step) => !step.handlesErrors);
}

function lastMark(steps: readonly Step[]): GuardMark | undefined {
  return steps.findLast((step) => step.mark)?.mark;
}

function isRefusal(step: Step | undefined): boolean {
  return step !== undefined && ['notFound', 'methodGuard', 'methodNotAllowed'].includes(step.name);
}

function join(prefix: string, path: string): string {
  const joined = `${prefix}/${path}`.replace(/\/+/g, '/');
  return joined.length > 1 ? joined.replace(/\/$/, '') : joined;
}

/** `app.all` registers a handler once for each of Node's methods: one row is enough. */
function collapse(rows: RouteRow[]): RouteRow[] {
  const byPath = Map.groupBy(rows, ({ path, steps, guarded }) => JSON.stringify([path, steps, guarded]));
  return [...byPath.values()].flatMap((same) =>
    same.length > 20 ? [{ ...(same[0] as RouteRow), method: 'ALL' }] : same,
  );
}
