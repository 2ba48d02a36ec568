import { request } from 'undici';
import { UpstreamUnavailable } from '../errors.ts';
import { isTrustedUrl } from './trusted-url.ts';

const LIMIT_BYTES = 1_048_576;

export type RemoteDocumentOptions = { timeoutMs: number; insecureHosts: readonly string[] };

/**
 * Fetches one JSON document of the identity provider: no redirects, no proxy, no decompression, at most 1 MB,
 * one deadline over everything.
 *
 * @throws {UpstreamUnavailable} `logto`, whatever went wrong: this is the place where we know that it is not
 *   the caller's fault.
 */
export async function fetchRemoteDocument(url: string, options: RemoteDocumentOptions): Promise<unknown> {
  if (!isTrustedUrl(url, options.insecureHosts))
    throw failure(`refuses to fetch from ${url}`, 'insecure_url');
  const signal = AbortSignal.timeout(options.timeoutMs);
  let text: string;
  try {
    const answer = await request(url, { signal, headers: { accept: 'application/json' } });
    text = answer.statusCode === 200 ? await readCapped(answer.body) : await discard(answer.body);
    if (answer.statusCode !== 200) throw failure(`answered ${answer.statusCode}`, 'status');
  } catch (cause) {
    if (cause instanceof UpstreamUnavailable) throw cause;
    throw failure(
      signal.aborted ? 'timed out' : 'cannot be reached',
      signal.aborted ? 'timeout' : 'network',
      cause,
    );
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw failure('answered something that is not JSON', 'malformed', cause);
  }
}

type Body = AsyncIterable<Buffer> & { destroy(): unknown; on(event: 'error', listener: () => void): unknown };

async function readCapped(body: Body): Promise<string> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of body) {
    sizeBytes += chunk.byteLength;
    if (sizeBytes > LIMIT_BYTES) throw failure('answered more than 1 MB', 'too_large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

async function discard(body: Body): Promise<string> {
  body.on('error', () => {});
  body.destroy();
  return '';
}

function failure(message: string, logCode: string, cause?: unknown): UpstreamUnavailable {
  return new UpstreamUnavailable('logto', message, {
    cause,
    logCode: `logto_key_set_${logCode}`,
    retryAfterSeconds: 5,
  });
}
