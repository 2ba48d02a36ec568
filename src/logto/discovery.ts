import LogtoClient from '@logto/node';
import { z } from 'zod';
import { UpstreamUnavailable } from '../errors.ts';
import type { BoundedRequester } from './bounded-requester.ts';

const WELL_KNOWN = '/oidc/.well-known/openid-configuration';
/** Called from server to server; the others are opened by the browser and keep their public address. */
const SERVER_SIDE = new Set(['token_endpoint', 'jwks_uri', 'revocation_endpoint', 'userinfo_endpoint']);

const discoverySchema = z.looseObject({
  authorization_endpoint: z.url(),
  token_endpoint: z.url(),
  jwks_uri: z.url(),
  revocation_endpoint: z.url(),
  end_session_endpoint: z.url(),
});

/**
 * Sends what goes to `endpoint` to `internalEndpoint` instead, and answers the discovery document with its
 * server-side addresses moved the same way. A document that lacks an address is refused: the SDK would keep it
 * for the life of the process.
 */
export function reachInside(
  requester: BoundedRequester,
  { endpoint, internalEndpoint }: { endpoint: string; internalEndpoint: string },
): BoundedRequester {
  const reach = (url: string) =>
    url.startsWith(`${endpoint}/`) ? `${internalEndpoint}${url.slice(endpoint.length)}` : url;

  return async function request<T>(...[input, init]: Parameters<typeof fetch>): Promise<T> {
    const url = reach(String(input));
    const answer = await requester<T>(url, init);
    if (!url.endsWith(WELL_KNOWN)) return answer;
    const document = discoverySchema.safeParse(answer);
    if (!document.success) throw new UpstreamUnavailable('logto', 'discovery document is not usable');
    const moved = Object.entries(document.data).map(([key, value]) => [
      key,
      SERVER_SIDE.has(key) ? reach(String(value)) : value,
    ]);
    return Object.fromEntries(moved) as T;
  };
}

/**
 * Makes the discovery document known to every SDK client of this process, `@logto/express` among them: the SDK
 * caches it by endpoint, and fetched through our requester it has a deadline. Resolves at once when it is known.
 *
 * Whoever asks while it is being fetched shares the outcome. (In the SDK a failure is told to the first alone, and
 * the others fetch one after the other: with a Logto that hangs, each waits for the deadlines of all before it.)
 *
 * @throws UpstreamUnavailable
 */
export function createDiscovery(config: { endpoint: string; appId: string; requester: BoundedRequester }) {
  const { endpoint, appId, requester } = config;
  const nothing = {
    getItem: async () => null,
    setItem: async () => undefined,
    removeItem: async () => undefined,
  };
  let underWay: Promise<{ revocationEndpoint: string }> | undefined;
  return function discover(): Promise<{ revocationEndpoint: string }> {
    underWay ??= new LogtoClient(
      { endpoint, appId },
      { requester, storage: nothing, navigate: () => undefined },
    )
      .getOidcConfig()
      .finally(() => {
        underWay = undefined;
      });
    return underWay;
  };
}
