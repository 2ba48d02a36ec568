import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export type FakeUser = {
  id: string;
  username: string | null;
  primaryEmail: string | null;
  name: string | null;
  profile: { givenName?: string; familyName?: string };
  isSuspended: boolean;
  updatedAt: number;
};

type Role = { id: string; name: string; type: 'User' | 'MachineToMachine' };

/** Logto's token endpoint and the part of its Management API that sync reads, over real HTTP. */
export async function startIdentities() {
  const users = new Map<string, FakeUser>();
  const roles = new Map<string, Role>();
  const organizationRoles = new Map<string, Role>();
  const organizations = new Map<string, { id: string; name: string }>();
  /** user or application id → role ids */
  const rolesOf = new Map<string, Set<string>>();
  /** organization → member → organization role ids */
  const members = new Map<string, Map<string, Set<string>>>();
  const machines = new Map<string, { id: string; name: string }>();
  const failed: { id: string; createdAt: number; body: Record<string, unknown> }[] = [];
  const requests: string[] = [];
  let fault:
    | ((
        path: string,
      ) =>
        | { status: number; body?: unknown; text?: string; headers?: Record<string, string> }
        | 'hang'
        | undefined)
    | undefined;
  let tokens = 0;
  let refusedBefore = 0;

  const notFound = {
    status: 404,
    body: { code: 'entity.not_found', message: 'The resource does not exist.' },
  };
  const refsOf = (ids: ReadonlySet<string> | undefined) =>
    [...(ids ?? [])].flatMap((id) => {
      const role = organizationRoles.get(id);
      return role ? [{ id, name: role.name }] : [];
    });

  function lookUp(path: string): unknown[] | { status: number; body: unknown } | undefined {
    const [, kind, id = '', sub] = /^\/api\/([a-z-]+)(?:\/([^/]+))?(?:\/([a-z-]+))?$/.exec(path) ?? [];
    if (kind === 'users' && !id) return [...users.values()].reverse();
    if (kind === 'users' && !users.has(id)) return notFound;
    if (kind === 'users' && !sub) return { status: 200, body: users.get(id) };
    if (kind === 'users' && sub === 'roles') {
      return [...(rolesOf.get(id) ?? [])].flatMap((r) => roles.get(r) ?? []);
    }
    if (kind === 'users' && sub === 'organizations') {
      return [...organizations.values()]
        .filter((o) => members.get(o.id)?.has(id))
        .map((o) => ({ ...o, organizationRoles: refsOf(members.get(o.id)?.get(id)) }));
    }
    if (kind === 'roles' && !id) return [...roles.values()];
    if (kind === 'roles' && sub === 'users')
      return [...users.values()].filter((u) => rolesOf.get(u.id)?.has(id));
    if (kind === 'roles' && sub === 'applications')
      return [...machines.values()].filter((m) => rolesOf.get(m.id)?.has(id));
    if (kind === 'organization-roles') return [...organizationRoles.values()];
    if (kind === 'organizations' && !id) return [...organizations.values()];
    if (kind === 'organizations' && !sub) {
      return organizations.has(id) ? { status: 200, body: organizations.get(id) } : notFound;
    }
    const of = members.get(id) ?? new Map<string, Set<string>>();
    if (kind === 'organizations' && sub === 'users') {
      return [...of].flatMap(([u, ids]) =>
        users.has(u) ? [{ ...users.get(u), organizationRoles: refsOf(ids) }] : [],
      );
    }
    if (kind === 'organizations' && sub === 'applications') {
      return [...of].flatMap(([m, ids]) =>
        machines.has(m) ? [{ ...machines.get(m), organizationRoles: refsOf(ids) }] : [],
      );
    }
    if (kind === 'hooks' && !id)
      return [{ id: 'hook', config: { url: 'http://localhost/api/webhooks/logto' } }];
    if (kind === 'hooks' && sub === 'recent-logs') {
      return failed.map(({ body, ...log }) => ({
        ...log,
        key: 'x',
        payload: { result: 'Error', hookRequest: { body } },
      }));
    }
    return undefined;
  }

  const server = createServer(async (req, res) => {
    for await (const _ of req);
    const url = new URL(req.url ?? '/', 'http://logto');
    requests.push(`${req.method} ${url.pathname}${url.search}`);
    const wrong = fault?.(url.pathname);
    const send = (status: number, body: unknown, headers: Record<string, string> = {}) => {
      res.writeHead(status, { 'content-type': 'application/json', ...headers });
      res.end(JSON.stringify(body));
    };
    if (wrong === 'hang') return;
    if (wrong && wrong.text !== undefined) return void res.writeHead(wrong.status).end(wrong.text);
    if (wrong) return send(wrong.status, wrong.body ?? {}, wrong.headers);
    if (url.pathname === '/oidc/token') {
      tokens += 1;
      return send(200, {
        access_token: `token-${tokens}`,
        expires_in: 3600,
        token_type: 'Bearer',
        scope: 'all',
      });
    }
    const token = Number(/^Bearer token-(\d+)$/.exec(req.headers.authorization ?? '')?.[1] ?? 0);
    if (token <= refusedBefore) return send(401, { code: 'auth.unauthorized', message: 'Unauthorized.' });
    const found = lookUp(url.pathname);
    if (!found) return send(501, { code: 'not_emulated' });
    if (!Array.isArray(found)) return send(found.status, found.body);
    const paged = !/^\/api\/(users\/[^/]+\/organizations|hooks)$/.test(url.pathname);
    const size = Number(url.searchParams.get('page_size') ?? 20);
    const from = (Number(url.searchParams.get('page') ?? 1) - 1) * size;
    send(200, paged ? found.slice(from, from + size) : found, { 'total-number': String(found.length) });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    users,
    roles,
    organizationRoles,
    organizations,
    rolesOf,
    members,
    machines,
    failed,
    requests,
    tokens: () => tokens,
    /** Tokens given so far are no longer accepted. */
    endTokens() {
      refusedBefore = tokens;
    },
    setFault(next: typeof fault) {
      fault = next;
    },
    put(id: string, over: Partial<FakeUser> = {}): FakeUser {
      const before = users.get(id) ?? {
        id,
        username: id,
        primaryEmail: `${id}@example.com`,
        name: null,
        profile: {},
        isSuspended: false,
        updatedAt: 0,
      };
      const user = { ...before, ...over };
      users.set(id, user);
      return user;
    },
    remove(id: string) {
      users.delete(id);
      rolesOf.delete(id);
      for (const of of members.values()) of.delete(id);
    },
    role(name: string, type: Role['type'] = 'User') {
      roles.set(`r-${name}-${type}`, { id: `r-${name}-${type}`, name, type });
    },
    organizationRole(name: string) {
      organizationRoles.set(`or-${name}`, { id: `or-${name}`, name, type: 'User' });
    },
    give(id: string, ...names: string[]) {
      const machine = machines.has(id);
      rolesOf.set(id, new Set(names.map((name) => `r-${name}-${machine ? 'MachineToMachine' : 'User'}`)));
    },
    organization(id: string, name = id) {
      organizations.set(id, { id, name });
    },
    member(organization: string, id: string, ...names: string[]) {
      const of = members.get(organization) ?? new Map<string, Set<string>>();
      members.set(organization, of.set(id, new Set(names.map((name) => `or-${name}`))));
    },
    leave(organization: string, id: string) {
      members.get(organization)?.delete(id);
    },
    reset() {
      for (const map of [users, roles, organizationRoles, organizations, rolesOf, members, machines])
        map.clear();
      failed.length = 0;
      requests.length = 0;
      fault = undefined;
      refusedBefore = 0;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export type Identities = Awaited<ReturnType<typeof startIdentities>>;
