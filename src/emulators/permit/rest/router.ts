import type { Method, Route } from './route.ts';

type Node = {
  literal: Map<string, Node>;
  parameter?: Node;
  routes: Map<Method, Route>;
};
export type Match =
  | { kind: 'route'; route: Route; params: Record<string, string> }
  | { kind: 'method'; allow: string[] }
  | { kind: 'none' };

export type Router = { match(method: string, path: string): Match; routes: readonly Route[] };

/** Finds the operation of a path in as many steps as it has segments; a literal wins over a parameter. */
export function createRouter(routes: readonly Route[]): Router {
  const root: Node = { literal: new Map(), routes: new Map() };
  for (const route of routes) {
    let node = root;
    for (const segment of route.path.split('/').slice(1)) node = child(node, segment);
    if (node.routes.has(route.method)) throw new Error(`${route.method} ${route.path} is there twice`);
    node.routes.set(route.method, route);
  }

  return {
    routes,
    match(method, path) {
      const segments = path.split('/').slice(1);
      const hit = walk(root, segments, 0, []);
      if (!hit) return { kind: 'none' };
      const route = hit.node.routes.get(method as Method);
      if (route) return { kind: 'route', route, params: named(route, hit.values) };
      return { kind: 'method', allow: [...hit.node.routes.keys()] };
    },
  };
}

function child(node: Node, segment: string): Node {
  const empty = (): Node => ({ literal: new Map(), routes: new Map() });
  if (segment.startsWith('{')) {
    node.parameter ??= empty();
    return node.parameter;
  }
  const known = node.literal.get(segment);
  if (known) return known;
  const made = empty();
  node.literal.set(segment, made);
  return made;
}

/** Operations that share a segment may call it differently: each gets its own names. */
function named({ path }: Route, values: readonly string[]): Record<string, string> {
  const names = path.split('/').filter((segment) => segment.startsWith('{'));
  return Object.fromEntries(names.map((name, i) => [name.slice(1, -1), values[i] ?? '']));
}

function walk(
  node: Node,
  segments: readonly string[],
  at: number,
  values: readonly string[],
): { node: Node; values: readonly string[] } | undefined {
  const segment = segments[at];
  if (segment === undefined) return node.routes.size > 0 ? { node, values } : undefined;
  const literal = node.literal.get(segment);
  const hit = literal && walk(literal, segments, at + 1, values);
  if (hit) return hit;
  if (!node.parameter || segment === '') return undefined;
  const value = decoded(segment);
  return value === undefined ? undefined : walk(node.parameter, segments, at + 1, [...values, value]);
}

function decoded(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}
