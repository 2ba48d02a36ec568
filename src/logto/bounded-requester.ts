import { LogtoRequestError } from '@logto/node';
import { UpstreamUnavailable } from '../errors.ts';

const LARGEST_BYTES = 256 * 1024;

export type BoundedRequester = <T>(...args: Parameters<typeof fetch>) => Promise<T>;

/**
 * The requests that the SDK makes through us: one deadline for the whole answer, no redirects, a size cap, and
 * an outage told from a refusal. (Its own requester has none of these and prints every failure to the console.)
 *
 * @throws LogtoRequestError (`code` = the OAuth error) on a 4xx; `UpstreamUnavailable` on everything else that is
 *   not a 2xx with JSON.
 */
export function createBoundedRequester(options: {
  appId: string;
  appSecret: string;
  timeoutMs: number;
}): BoundedRequester {
  const credentials = `Basic ${Buffer.from(`${options.appId}:${options.appSecret}`).toString('base64')}`;

  return async function boundedRequest<T>(...[input, init]: Parameters<typeof fetch>): Promise<T> {
    const unusable = (why: string, cause?: unknown) => new UpstreamUnavailable('logto', why, { cause });
    const signal = AbortSignal.timeout(options.timeoutMs);
    let status: number;
    let text: string;
    try {
      const response = await fetch(input, {
        ...init,
        redirect: 'error',
        signal,
        // Only a POST goes to an endpoint that asks who we are; discovery and keys are public.
        headers: { ...init?.headers, ...(init?.method === 'POST' ? { Authorization: credentials } : {}) },
      });
      status = response.status;
      text = await textOf(response);
    } catch (error) {
      throw unusable(signal.aborted ? 'no answer in time' : 'not reachable', error);
    }
    // A revocation is answered with nothing at all.
    const body = text === '' ? {} : parseJson(text);
    if (status >= 200 && status < 300 && body) return body as T;
    const code = body?.error;
    const refusal = status >= 400 && status < 500 && status !== 429 && status !== 408;
    if (!refusal || typeof code !== 'string') throw unusable(`answered ${status}`);
    throw new LogtoRequestError(code, `Logto answered ${status} ${code}`);
  };
}

async function textOf(response: Response): Promise<string> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of response.body ?? []) {
    bytes += part.length;
    if (bytes > LARGEST_BYTES) throw new RangeError('answer too large');
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

function parseJson(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
