import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

type Row = Record<string, unknown>;
type Assigned = { user: string; role: string; tenant: string; resource_instance?: string };

/** `lost`: done, but nobody hears of it. */
type Fault =
  | { status: number; body?: unknown; headers?: Record<string, string> }
  | 'hang'
  | 'reset'
  | 'lost'
  | undefined;
export type FactsFault = (request: { method: string; path: string; body: unknown }) => Fault | Promise<Fault>;

/** The facts part of the directory's API over real HTTP, small and strict: what sync is tested against at speed. */
export async function startFacts(
  roles: readonly string[] = ['admin', 'editor', 'viewer', 'owner', 'reader', 'janitor'],
) {
  const users = new Map<string, Row>();
  const tenants = new Map<string, Row>();
  const instances = new Map<string, string>();
  const assignments = new Map<string, Assigned>();
  /** `by`: the API key, which tells instances apart; `user`: of whom it speaks, where that is one. */
  const requests: { method: string; path: string; by: string; user: string | undefined }[] = [];
  let fault: FactsFault | undefined;
  const idOf = (a: Assigned) => JSON.stringify([a.user, a.role, a.tenant, a.resource_instance ?? null]);
  const reset = () => {
    for (const map of [users, tenants, instances, assignments]) map.clear();
    tenants.set('default', { key: 'default', name: 'Default', attributes: null });
    requests.length = 0;
    fault = undefined;
  };
  reset();

  class Refusal extends Error {
    readonly status: number;
    readonly code: string;
    constructor(status: number, code: string) {
      super(code);
      this.status = status;
      this.code = code;
    }
  }

  function putUser(body: Row): { status: number; body: Row } {
    const key = String(body.key);
    if (!/^[A-Za-z0-9|@+\-._]+$/.test(key)) throw new Refusal(422, 'INVALID_INPUT');
    if (body.email !== undefined && !/^[^@\s]+@[^@\s]+$/.test(String(body.email)))
      throw new Refusal(422, 'INVALID_INPUT');
    const twin = [...users.values()].find((u) => u.email && u.email === body.email && u.key !== key);
    if (twin) throw new Refusal(409, 'DUPLICATE_ENTITY');
    const status = users.has(key) ? 200 : 201;
    const row = { key, email: null, first_name: null, last_name: null, attributes: {}, ...body };
    users.set(key, row);
    return { status, body: row };
  }

  function assign(body: Assigned, skip = false): Assigned {
    const instance = body.resource_instance;
    if (!users.has(body.user) || !roles.includes(body.role)) throw new Refusal(404, 'NOT_FOUND');
    if (instance && !body.tenant && !instances.has(instance)) throw new Refusal(404, 'NOT_FOUND');
    const tenant = body.tenant ?? (instance && instances.get(instance));
    if (!tenant || !tenants.has(tenant)) throw new Refusal(404, 'NOT_FOUND');
    if (instance && !instances.has(instance)) instances.set(instance, tenant);
    const row = {
      user: body.user,
      role: body.role,
      tenant,
      ...(instance ? { resource_instance: instance } : {}),
    };
    if (assignments.has(idOf(row)) && !skip) throw new Refusal(409, 'DUPLICATE_ENTITY');
    assignments.set(idOf(row), row);
    return row;
  }

  function removeWhere(match: (a: Assigned) => boolean): void {
    for (const [id, a] of assignments) if (match(a)) assignments.delete(id);
  }

  function page<T>(items: T[], query: URLSearchParams): T[] {
    const size = Number(query.get('per_page') ?? 30);
    if (size > 100) throw new Refusal(422, 'PAGINATION_SIZE_OVERREACHED');
    const from = (Number(query.get('page') ?? 1) - 1) * size;
    return items.slice(from, from + size);
  }

  function route(
    method: string,
    path: string,
    query: URLSearchParams,
    body: unknown,
  ): { status: number; body?: unknown } {
    if (path === '/v2/api-key/scope') {
      return { status: 200, body: { organization_id: 'o', project_id: 'p', environment_id: 'e' } };
    }
    const [, kind = '', id = ''] =
      /^\/v2\/facts\/p\/e\/([a-z_/]+?)(?:\/([^/]+))?$/.exec(
        path
          .replace('/role_assignments/bulk', '/role_assignments_bulk')
          .replace('/bulk/users', '/bulk_users'),
      ) ?? [];
    const key = decodeURIComponent(id);
    switch (`${method} ${kind}${id ? '/:id' : ''}`) {
      case 'GET users': {
        const data = page([...users.values()], query);
        return { status: 200, body: { data, total_count: users.size, page_count: 1 } };
      }
      case 'GET users/:id':
        if (!users.has(key)) throw new Refusal(404, 'NOT_FOUND');
        return { status: 200, body: users.get(key) };
      case 'PUT users/:id':
        return putUser({ ...(body as Row), key });
      case 'DELETE users/:id':
        if (!users.delete(key)) throw new Refusal(404, 'NOT_FOUND');
        removeWhere((a) => a.user === key);
        return { status: 204 };
      case 'PUT bulk_users':
        for (const user of (body as { operations: Row[] }).operations) putUser(user);
        return { status: 200, body: {} };
      case 'GET tenants':
        return { status: 200, body: page([...tenants.values()], query) };
      case 'GET tenants/:id':
        if (!tenants.has(key)) throw new Refusal(404, 'NOT_FOUND');
        return { status: 200, body: tenants.get(key) };
      case 'POST tenants': {
        const row = body as Row;
        if (tenants.has(String(row.key))) throw new Refusal(409, 'DUPLICATE_ENTITY');
        tenants.set(String(row.key), row);
        return { status: 200, body: row };
      }
      case 'PATCH tenants/:id': {
        if (!tenants.has(key)) throw new Refusal(404, 'NOT_FOUND');
        const row = { ...tenants.get(key), ...(body as Row) };
        tenants.set(key, row);
        return { status: 200, body: row };
      }
      case 'DELETE tenants/:id':
        if (!tenants.delete(key)) throw new Refusal(404, 'NOT_FOUND');
        removeWhere((a) => a.tenant === key);
        return { status: 204 };
      case 'GET role_assignments': {
        const found = [...assignments.values()].filter(
          (a) =>
            (!query.get('user') || a.user === query.get('user')) &&
            (!query.get('tenant') || a.tenant === query.get('tenant')),
        );
        return { status: 200, body: page(found, query) };
      }
      case 'POST role_assignments':
        return { status: 200, body: assign(body as Assigned) };
      case 'DELETE role_assignments':
        if (!assignments.delete(idOf(body as Assigned))) throw new Refusal(404, 'NOT_FOUND');
        return { status: 204 };
      case 'POST role_assignments_bulk':
        for (const a of body as Assigned[]) assign(a, true);
        return { status: 200, body: { assignments_created: (body as Assigned[]).length } };
      case 'DELETE role_assignments_bulk':
        for (const a of body as Assigned[]) assignments.delete(idOf(a));
        return { status: 200, body: { assignments_removed: (body as Assigned[]).length } };
      default:
        throw new Refusal(501, 'not_emulated');
    }
  }

  async function answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const url = new URL(req.url ?? '/', 'http://facts');
    const chunks: Buffer[] = [];
    for await (const chunk of req) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    const body: unknown = text ? JSON.parse(text) : undefined;
    const method = req.method ?? 'GET';
    const user =
      /\/users\/([^/]+)$/.exec(url.pathname)?.[1] ??
      url.searchParams.get('user') ??
      (body as { user?: string } | undefined)?.user;
    const by = (req.headers.authorization ?? '').replace(/^Bearer /, '');
    requests.push({ method, path: url.pathname, by, user });
    const wrong = await fault?.({ method, path: url.pathname, body });
    if (wrong === 'hang') return;
    if (wrong === 'reset') {
      req.socket.destroy();
      return;
    }
    const send = (status: number, content: unknown, headers: Record<string, string> = {}) => {
      res.writeHead(status, { 'content-type': 'application/json', ...headers });
      res.end(content === undefined ? undefined : JSON.stringify(content));
    };
    if (wrong === 'lost') {
      try {
        route(method, url.pathname, url.searchParams, body);
      } catch {}
      req.socket.destroy();
      return;
    }
    if (wrong) return send(wrong.status, wrong.body === undefined ? {} : wrong.body, wrong.headers);
    try {
      const { status, body: content } = route(method, url.pathname, url.searchParams, body);
      send(status, content);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      send(error.status, { id: 'x', title: error.code, error_code: error.code, message: error.code });
    }
  }

  const server = createServer((req, res) => {
    void answer(req, res);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    users,
    tenants,
    instances,
    requests,
    reset,
    setFault(next: FactsFault | undefined) {
      fault = next;
    },
    grant(user: string, tenant: string, role: string, instance?: string) {
      const row = { user, role, tenant, ...(instance ? { resource_instance: instance } : {}) };
      if (instance) instances.set(instance, tenant);
      assignments.set(idOf(row), row);
    },
    revoke(user: string, tenant: string, role: string) {
      removeWhere((a) => a.user === user && a.tenant === tenant && a.role === role && !a.resource_instance);
    },
    /** `tenant/role` or `tenant/role@type:key`, sorted. */
    rolesOf: (user: string) =>
      [...assignments.values()]
        .filter((a) => a.user === user)
        .map((a) => `${a.tenant}/${a.role}${a.resource_instance ? `@${a.resource_instance}` : ''}`)
        .sort(),
    /** Everybody's at once: asked one by one, ten thousand users take minutes. */
    rolesByUser(): Map<string, string[]> {
      const roles = new Map([...users.keys()].map((user): [string, string[]] => [user, []]));
      for (const { user, tenant, role } of assignments.values()) roles.get(user)?.push(`${tenant}/${role}`);
      return roles;
    },
    writes: () => requests.filter((r) => r.method !== 'GET').length,
    assignmentCount: () => assignments.size,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export type Facts = Awaited<ReturnType<typeof startFacts>>;
