import { type GuardMark, guardMarkOf } from './guard-marks.ts';

/** One function of a route or a `use`, as it was registered. */
export type Step = {
  name: string;
  mark: GuardMark | undefined;
  /** Lower case, or `*` for every method. */
  method: string;
  /** Takes an error first: runs after something failed, never in a handler's place. */
  handlesErrors: boolean;
  /** Cannot pass the request on, so it must be the one that answers. */
  answers: boolean;
};

export type RouteRecord = {
  kind: 'route';
  path: string;
  steps: Step[];
  /** Guards in front of the whole route, found when the application was last walked. */
  inherited: Set<GuardMark>;
};

export type UseRecord = { kind: 'use'; path: string; step: Step; child: RouterRecord | undefined };

export type RouterRecord = {
  items: (RouteRecord | UseRecord)[];
  /** Adopts what an application had before it was watched. */
  complete?: () => void;
};

/** Middleware that only ever refuses may stand anywhere without a guard. */
const REFUSALS = new Set(['notFound', 'methodGuard', 'methodNotAllowed']);

/** Knows by name what answers although it takes `next`. */
const ANSWERERS = new Set(['serveStatic', 'mounted_app']);

type AnyFunction = (...parameters: never[]) => unknown;

export function stepOf(handler: AnyFunction, method: string): Step {
  return {
    name: handler.name || 'anonymous',
    mark: guardMarkOf(handler),
    method,
    handlesErrors: handler.length === 4,
    answers: !REFUSALS.has(handler.name) && (handler.length < 3 || ANSWERERS.has(handler.name)),
  };
}

export function pathText(path: unknown): string {
  if (Array.isArray(path)) return path.map(pathText).join('|');
  return path instanceof RegExp ? `RegExp(${path.source})` : String(path);
}

/** The steps that a request of this method meets in a route, HEAD like GET. */
export function chainOf(route: RouteRecord, method: string): Step[] {
  const own = (name: string) => route.steps.some((step) => step.method === name);
  const effective = method === 'head' && !own('head') ? 'get' : method;
  return route.steps.filter(
    (step) => !step.handlesErrors && (step.method === effective || step.method === '*'),
  );
}

/** The methods to judge a route by; `*` only when a handler for all of them comes last. */
export function methodsOf(route: RouteRecord): string[] {
  const steps = route.steps.filter((step) => !step.handlesErrors);
  const methods = [...new Set(steps.map((step) => step.method))].filter((method) => method !== '*');
  return steps.at(-1)?.method === '*' ? [...methods, '*'] : methods;
}

/**
 * What must have let a request through before `step` may run: nothing for a step in front of the guard, else
 * one of these guards. An empty set is a handler that no guard protects.
 */
export function guardsBefore(
  route: RouteRecord,
  step: Step,
  method: string,
  inherited: ReadonlySet<GuardMark> = route.inherited,
): ReadonlySet<GuardMark> | 'free' {
  const chain = chainOf(route, method);
  const position = chain.indexOf(step);
  if (chain.slice(position + 1).some((later) => later.mark)) return 'free';
  const own = chain.slice(0, position).findLast((earlier) => earlier.mark)?.mark;
  return own ? new Set([own]) : inherited;
}
