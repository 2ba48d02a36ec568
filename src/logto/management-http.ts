import { Agent, type Dispatcher, request } from 'undici';
import { UpstreamUnavailable } from '../errors.ts';

export type ManagementAnswer = { status: number; headers: Record<string, unknown>; body: unknown };

export type ManagementHttp = {
  /** One request inside its deadline. Resolves on 2xx and 404. */
  send(
    path: string,
    options?: {
      method?: 'GET' | 'POST';
      headers?: Record<string, string>;
      body?: string;
      /** 401 resolves instead of throwing: the caller may have a fresher token. */
      allow401?: boolean;
      /** Every 4xx means that our own credentials are refused. */
      keyOnClientError?: boolean;
    },
  ): Promise<ManagementAnswer>;
  malformed(path: string): UpstreamUnavailable;
  close(): Promise<void>;
};

const LARGEST_ANSWER_BYTES = 10_000_000;

const failure = (
  path: string,
  why: string,
  logCode: string,
  more: { cause?: unknown; retryAfterSeconds?: number } = {},
) => new UpstreamUnavailable('logto', `${why} from ${path.split('?')[0]}`, { logCode, ...more });

function retryAfterSecondsOf(headers: Record<string, unknown>): { retryAfterSeconds?: number } {
  const seconds = Number(headers['retry-after'] ?? Number.NaN);
  return Number.isFinite(seconds) && seconds > 0 ? { retryAfterSeconds: Math.min(seconds, 3600) } : {};
}

/**
 * HTTP to Logto: a deadline over the whole answer, no redirects, a cap on its size. Whatever goes wrong is
 * `UpstreamUnavailable`; its `logCode` tells our own wrong credentials (`logto_key_refused`) from an outage.
 */
export function createManagementHttp(options: { endpoint: string; timeoutMs: number }): ManagementHttp {
  const base = options.endpoint.replace(/\/+$/, '');
  const agent = new Agent({ maxResponseSize: LARGEST_ANSWER_BYTES, connections: 10 });

  async function exchange(
    path: string,
    init: { method: Dispatcher.HttpMethod; headers: Record<string, string>; body: string | null },
  ) {
    try {
      const answer = await request(`${base}${path}`, {
        ...init,
        dispatcher: agent,
        signal: AbortSignal.timeout(options.timeoutMs),
      });
      return { status: answer.statusCode, headers: answer.headers, text: await answer.body.text() };
    } catch (cause) {
      throw failure(path, 'no answer', 'logto_unavailable', { cause });
    }
  }

  return {
    async send(path, how = {}) {
      const { method = 'GET', headers = {}, body = null } = how;
      const answer = await exchange(path, {
        method,
        headers: { accept: 'application/json', ...headers },
        body,
      });
      const { status } = answer;
      const more = retryAfterSecondsOf(answer.headers);
      if (status === 401 && how.allow401) return { status, headers: answer.headers, body: undefined };
      if (status === 429) throw failure(path, 'status 429', 'logto_rate_limited', more);
      if (status === 401 || status === 403 || (how.keyOnClientError && status >= 400 && status < 500)) {
        throw failure(path, `status ${status}`, 'logto_key_refused');
      }
      if (status !== 404 && (status < 200 || status > 299)) {
        throw failure(path, `status ${status}`, 'logto_unavailable', more);
      }
      try {
        return {
          status,
          headers: answer.headers,
          body: answer.text === '' ? undefined : JSON.parse(answer.text),
        };
      } catch (cause) {
        // An unknown route answers 404 in plain text: that is no missing user, it is the wrong server.
        throw failure(path, 'no JSON', 'logto_malformed', { cause });
      }
    },
    malformed: (path) => failure(path, 'unexpected shape', 'logto_malformed'),
    close: () => agent.close(),
  };
}
