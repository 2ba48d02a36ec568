import type { Clock } from '../clock.ts';
import type { ManagementHttp } from './management-http.ts';

export type ManagementToken = {
  /** A token that is good for at least another minute. */
  current(): Promise<string>;
  /** The server refused this one: the next call asks for another. */
  drop(token: string): void;
};

const EARLY_MS = 60_000;

/**
 * The machine's own token for the Management API. One request at a time asks for it, and it is renewed a
 * minute before it ends. `scope=all` is not decoration: without it the token opens nothing.
 *
 * @see https://docs.logto.io/integrate-logto/interact-with-management-api
 */
export function createManagementToken(options: {
  http: ManagementHttp;
  appId: string;
  appSecret: string;
  resource: string;
  clock: Clock;
}): ManagementToken {
  const { http, appId, appSecret, resource, clock } = options;
  const authorization = `Basic ${Buffer.from(`${appId}:${appSecret}`).toString('base64')}`;
  let held: { token: string; untilMs: number } | undefined;
  let asking: Promise<string> | undefined;

  async function ask(): Promise<string> {
    const form = new URLSearchParams({ grant_type: 'client_credentials', resource, scope: 'all' });
    const { body } = await http.send('/oidc/token', {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/x-www-form-urlencoded' },
      body: form.toString(),
      keyOnClientError: true,
    });
    const { access_token: token, expires_in: seconds } = (body ?? {}) as Record<string, unknown>;
    if (typeof token !== 'string' || typeof seconds !== 'number') throw http.malformed('/oidc/token');
    held = { token, untilMs: clock.now() + seconds * 1000 - EARLY_MS };
    return token;
  }

  return {
    async current() {
      if (held && held.untilMs > clock.now()) return held.token;
      asking ??= ask().finally(() => {
        asking = undefined;
      });
      return asking;
    },
    drop(token) {
      if (held?.token === token) held = undefined;
    },
  };
}
