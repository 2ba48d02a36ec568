import type { Application, RequestHandler } from 'express';
import { LRUCache } from 'lru-cache';
import { MethodNotAllowed } from '../errors.ts';

type Match = { path: string } | false;
type Layer = {
  match(path: string): Match;
  route?: { methods: Record<string, boolean> };
  handle: { name?: string; stack?: Layer[] };
};

/**
 * Answers a wrong method with 405 and the right ones, before authentication. Mount it ahead of the routes: it
 * reads the finished route table on each request.
 *
 * Express would answer `OPTIONS` by itself, with 200 and ahead of a route's guards; here an `OPTIONS` that is no
 * CORS preflight is a wrong method like any other (so mount {@link corsPolicy} before this).
 *
 * A router with a step named `methodNotAllowed` answers for its own paths: only it knows which GET is no HEAD.
 *
 * @example
 * app.use(corsPolicy(origins), methodGuard(app));
 * app.get('/api/reports', …);
 */
export function methodGuard(app: Application): RequestHandler {
  // Routes are added and never taken away: what was right once stays right, and the walk costs ten microseconds.
  const right = new LRUCache<string, true>({ max: 1_000 });

  return function methodGuard(req, _res, next) {
    const asked = `${req.method} ${req.path}`;
    if (right.has(asked)) return next();
    const allowed = new Set(methodsOf(app.router.stack as unknown as Layer[], req.path));
    if (allowed.has('GET')) allowed.add('HEAD');
    if (allowed.has('_ALL') || allowed.has(req.method)) right.set(asked, true);
    else if (allowed.size > 0) throw new MethodNotAllowed([...allowed].sort());
    next();
  };
}

/** Methods that any route below answers at this path; mounted routers are walked, other middleware is not. */
function methodsOf(stack: readonly Layer[], path: string): string[] {
  return stack.flatMap((layer) => {
    const inner = layer.handle.stack;
    if (!layer.route && !inner) return [];
    const match = layer.match(path);
    if (!match) return [];
    if (layer.route) return Object.keys(layer.route.methods).map((method) => method.toUpperCase());
    const rest = path.slice(match.path.length);
    const methods = methodsOf(inner ?? [], rest.startsWith('/') ? rest : `/${rest}`);
    return methods.length > 0 && inner?.some(refusesItself) ? ['_ALL'] : methods;
  });
}

const refusesItself = ({ handle }: Layer) => handle.name === 'methodNotAllowed';
