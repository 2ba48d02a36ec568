import type { z } from 'zod';
import { isLoopback } from '../auth/trusted-url.ts';
import type { Clock } from '../clock.ts';
import type { IdentitySource } from '../sync/ports.ts';
import { createManagementHttp } from './management-http.ts';
import {
  applicationShape,
  hookLogShape,
  idShape,
  memberApplicationShape,
  memberShape,
  membershipShape,
  organizationShape,
  roleShape,
  userShape,
} from './management-shapes.ts';
import { createManagementThrottle } from './management-throttle.ts';
import { createManagementToken } from './management-token.ts';

export type ManagementOptions = {
  /** Where Logto answers from here, e.g. `https://tenant.logto.app`. */
  endpoint: string;
  appId: string;
  appSecret: string;
  /** `https://default.logto.app/api` for Logto OSS, whatever its host. */
  resource: string;
  /** Deadline of one call. */
  timeoutMs?: number;
  /** Calls in a window; off for a Logto on this machine, 200 in 10 s otherwise. */
  limit?: { calls: number; windowMs: number } | 'none';
  clock: Clock;
};

export type ManagementClient = IdentitySource & { close(): Promise<void> };

const PAGE_SIZE = 100;

/** A 404 of Logto itself; one of a proxy, or of the wrong server, says nothing about a user. */
const isMissingEntity = (body: unknown) =>
  String((body as { code?: unknown } | undefined)?.code ?? '').startsWith('entity.');
const CLOUD_LIMIT = { calls: 200, windowMs: 10_000 };

/**
 * What Logto's Management API says about users, roles and organizations, read-only.
 *
 * Pages are counted, `Link` is never followed (its URLs lack `/api` and carry the inner host).
 *
 * @throws UpstreamUnavailable('logto') from every method, with `logCode` `logto_key_refused` when our own
 * credentials are at fault; an answer of another shape is an outage as well, never an empty list.
 * @see https://docs.logto.io/integrate-logto/interact-with-management-api
 * @example
 * const logto = createManagementClient({ endpoint, appId, appSecret, resource, clock: systemClock });
 * const user = await logto.user('u1abcdefghij');
 */
export function createManagementClient(options: ManagementOptions): ManagementClient {
  const { clock } = options;
  const http = createManagementHttp({ endpoint: options.endpoint, timeoutMs: options.timeoutMs ?? 5000 });
  const token = createManagementToken({ ...options, http });
  const local = isLoopback(new URL(options.endpoint).hostname);
  const limit = options.limit === 'none' ? undefined : (options.limit ?? (local ? undefined : CLOUD_LIMIT));
  const take = createManagementThrottle(limit, clock);

  async function attempt(path: string, kind: 'single' | 'list', allow401: boolean) {
    const bearer = await token.current();
    await take(kind);
    const answer = await http.send(`/api${path}`, {
      headers: { authorization: `Bearer ${bearer}` },
      allow401,
    });
    if (answer.status === 404 && !isMissingEntity(answer.body)) throw http.malformed(path);
    if (answer.status === 401) token.drop(bearer);
    return answer;
  }

  async function get(path: string, kind: 'single' | 'list') {
    const answer = await attempt(path, kind, true);
    // A key rotation at Logto ends tokens early: once, and only once, with a new one.
    return answer.status === 401 ? attempt(path, kind, false) : answer;
  }

  function parse<Shape extends z.ZodType>(path: string, shape: Shape, body: unknown): z.output<Shape> {
    const parsed = shape.safeParse(body);
    if (!parsed.success) throw http.malformed(path);
    return parsed.data;
  }

  async function one<Shape extends z.ZodType>(
    path: string,
    shape: Shape,
  ): Promise<z.output<Shape> | undefined> {
    const { status, body } = await get(path, 'single');
    return status === 404 ? undefined : parse(path, shape, body);
  }

  /** Lists are never 404 but for an unknown parent, who has nothing. */
  async function list<Shape extends z.ZodType>(path: string, shape: Shape, kind: 'single' | 'list' = 'list') {
    const { status, headers, body } = await get(path, kind);
    const items = status === 404 ? [] : parse(path, shape.array(), body);
    return { items: items as z.output<Shape>[], total: Number(headers['total-number'] ?? items.length) };
  }

  async function* pages<Shape extends z.ZodType>(
    path: string,
    shape: Shape,
    kind: 'single' | 'list' = 'list',
  ) {
    let size = PAGE_SIZE;
    for (let page = 1; size === PAGE_SIZE; page += 1) {
      const separator = path.includes('?') ? '&' : '?';
      const found = await list(`${path}${separator}page=${page}&page_size=${PAGE_SIZE}`, shape, kind);
      if (found.items.length > 0) yield found;
      size = found.items.length;
    }
  }

  async function* itemPages<Shape extends z.ZodType>(path: string, shape: Shape) {
    for await (const { items } of pages(path, shape)) yield items;
  }

  async function all<Shape extends z.ZodType>(path: string, shape: Shape): Promise<z.output<Shape>[]> {
    const found: z.output<Shape>[] = [];
    for await (const { items } of pages(path, shape, 'single')) found.push(...items);
    return found;
  }

  const segment = encodeURIComponent;

  return {
    user: (userId) => one(`/users/${segment(userId)}`, userShape),
    rolesOfUser: (userId) => all(`/users/${segment(userId)}/roles`, roleShape),
    // The one list here that Logto does not page.
    organizationsOfUser: async (userId) =>
      (await list(`/users/${segment(userId)}/organizations`, membershipShape, 'single')).items,
    organization: (organizationId) => one(`/organizations/${segment(organizationId)}`, organizationShape),
    users: () => pages('/users', userShape),
    roles: () => all('/roles', roleShape),
    organizationRoles: () => all('/organization-roles', roleShape),
    usersOfRole: (roleId) => itemPages(`/roles/${segment(roleId)}/users`, idShape),
    organizations: () => itemPages('/organizations', organizationShape),
    membersOf: (organizationId) => itemPages(`/organizations/${segment(organizationId)}/users`, memberShape),
    applicationsOfRole: (roleId) => itemPages(`/roles/${segment(roleId)}/applications`, applicationShape),
    applicationsOf: (organizationId) =>
      itemPages(`/organizations/${segment(organizationId)}/applications`, memberApplicationShape),
    hooks: async () => (await list('/hooks', idShape)).items,
    async failedDeliveries(hookId, sinceMs) {
      const failed: { id: string; createdAt: number; body: string }[] = [];
      const path = `/hooks/${segment(hookId)}/recent-logs?start_time=${Math.floor(sinceMs)}`;
      for await (const { items } of pages(path, hookLogShape)) {
        for (const { id, createdAt, payload } of items) {
          if (payload.result !== 'Error' || !payload.hookRequest) continue;
          failed.push({ id, createdAt, body: JSON.stringify(payload.hookRequest.body) });
        }
      }
      return failed.reverse();
    },
    close: () => http.close(),
  };
}
