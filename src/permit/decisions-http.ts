import { Pool } from 'undici';
import { UpstreamUnavailable } from '../errors.ts';

const REFUSAL_BYTES = 64 * 1024;
const ignore = (): void => undefined;

export type PdpPost = (
  path: string,
  body: string,
  options: { deadlineAt: number; maxBytes: number },
) => Promise<unknown>;

export type PdpConnection = { post: PdpPost; close(): Promise<void> };

/**
 * One kept-alive connection pool to the PDP. `post` resolves with the parsed body of a 200 and rejects with
 * `UpstreamUnavailable('permit')` for everything else; its log code tells our key (`permit_key_refused`) from
 * our question (`permit_question_refused`), a limit (`permit_rate_limited`) and an outage. Redirects are not
 * followed: they would carry the question, and the trust, to another host.
 */
export function createPdpConnection(options: {
  pdpUrl: string;
  apiKey: string;
  /** One attempt, in milliseconds. */
  timeoutMs: number;
  connections?: number;
}): PdpConnection {
  const { pdpUrl, apiKey, timeoutMs, connections = 64 } = options;
  const url = new URL(pdpUrl);
  const base = url.pathname.replace(/\/+$/, '');
  const pool = new Pool(url.origin, {
    connections,
    pipelining: 1,
    connect: { timeout: timeoutMs },
    allowH2: false,
  });
  const headers = {
    authorization: `Bearer ${apiKey}`,
    'content-type': 'application/json',
    accept: 'application/json',
  };

  function post(
    path: string,
    body: string,
    { deadlineAt, maxBytes }: Parameters<PdpPost>[2],
  ): Promise<unknown> {
    const leftMs = Math.min(timeoutMs, deadlineAt - performance.now());
    if (leftMs <= 0) return Promise.reject(outage('permit_timeout', 'no time left'));
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), leftMs);
    return exchange(path, body, maxBytes, abort.signal)
      .catch((error: unknown) => {
        if (error instanceof UpstreamUnavailable) throw error;
        if (!abort.signal.aborted) throw outage('permit_unreachable', 'connection failed', error);
        throw outage('permit_timeout', `no answer in ${Math.round(leftMs)} ms`, error);
      })
      .finally(() => clearTimeout(timer));
  }

  async function exchange(
    path: string,
    body: string,
    maxBytes: number,
    signal: AbortSignal,
  ): Promise<unknown> {
    const answer = await pool.request({
      path: base + path,
      method: 'POST',
      headers,
      body,
      signal,
      // Our own timer covers connect, headers and body together.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
    // A body that is given up reports its own end as an error; ours has been told by then.
    answer.body.on('error', ignore);
    if (answer.statusCode !== 200) {
      await answer.body.dump({ limit: REFUSAL_BYTES }).catch(ignore);
      throw refusalOf(answer.statusCode, answer.headers['retry-after']);
    }
    return parse(await read(answer.body, maxBytes));
  }

  return { post, close: () => pool.destroy() };
}

async function read(body: AsyncIterable<Buffer> & { destroy(): void }, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > maxBytes) {
      body.destroy();
      throw outage('permit_answer_too_large', `answer above ${maxBytes} bytes`);
    }
    chunks.push(chunk);
  }
  return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, size);
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch (error) {
    throw outage('permit_answer_malformed', 'answer is not JSON', error);
  }
}

/** 503 for something the PDP did; never says more than our own words. */
export function outage(logCode: string, message: string, cause?: unknown): UpstreamUnavailable {
  return new UpstreamUnavailable('permit', message, { logCode, cause });
}

function refusalOf(status: number, retryAfter: string | string[] | undefined): UpstreamUnavailable {
  if (status === 401 || status === 403) return outage('permit_key_refused', `key refused with ${status}`);
  if (status === 429) {
    const seconds = Number(Array.isArray(retryAfter) ? retryAfter[0] : retryAfter);
    return new UpstreamUnavailable('permit', 'rate limited', {
      logCode: 'permit_rate_limited',
      // A date, or nonsense, is not worth a clock here; a minute is the vendor's window.
      retryAfterSeconds: Number.isFinite(seconds) && seconds >= 0 ? Math.min(seconds, 3600) : 60,
    });
  }
  if (status >= 400 && status < 500)
    return outage('permit_question_refused', `question refused with ${status}`);
  if (status >= 300 && status < 400) return outage('permit_redirect', `redirect ${status} not followed`);
  return outage('permit_status', `answered ${status}`);
}
