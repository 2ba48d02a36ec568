import { createHmac } from 'node:crypto';

export type Attempt = {
  at: string;
  durationMs: number;
  status?: number;
  /** The beginning of the receiver's answer; parsed when it is JSON. */
  body?: unknown;
  error?: string;
};

export type DeliveryRecord = {
  id: string;
  hookId: string;
  event: string;
  url: string;
  headers: Record<string, string>;
  rawBody: string;
  /** Milliseconds since 1970. */
  createdAt: number;
  /** `held` waits for another one to go first, `dropped` is never sent. */
  status: 'pending' | 'held' | 'delivered' | 'failed' | 'dropped';
  fault?: string;
  attempts: Attempt[];
};

export const SIGNATURE_HEADER = 'logto-signature-sha-256';
const TIMEOUT_MS = 10_000;
const ANSWER_LIMIT = 4_096;

/** Lower-case hex HMAC-SHA256 of the bytes that are sent. */
export function signatureOf(signingKey: string, rawBody: string): string {
  return createHmac('sha256', signingKey).update(rawBody, 'utf8').digest('hex');
}

/** One POST, as Logto makes it: ten seconds for everything, redirects followed, 2xx is success. */
export async function attemptDelivery(
  { url, headers, rawBody }: Pick<DeliveryRecord, 'url' | 'headers' | 'rawBody'>,
  { now, signal, timeoutMs = TIMEOUT_MS }: { now: number; signal: AbortSignal; timeoutMs?: number },
): Promise<Attempt> {
  const startedAt = performance.now();
  const attempt = (rest: Partial<Attempt>): Attempt => ({
    at: new Date(now).toISOString(),
    durationMs: Math.round(performance.now() - startedAt),
    ...rest,
  });
  try {
    const answer = await fetch(url, {
      method: 'POST',
      headers,
      body: rawBody,
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    });
    const text = (await answer.text()).slice(0, ANSWER_LIMIT);
    return attempt({ status: answer.status, body: parsed(text) });
  } catch (error) {
    return attempt({ error: messageOf(error) });
  }
}

export function succeeded(attempt: Attempt | undefined): boolean {
  return attempt?.status !== undefined && attempt.status >= 200 && attempt.status < 300;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Read by shape: the failure may come from another realm than this module. */
function messageOf(error: unknown): string {
  const { cause, message } = (error ?? {}) as {
    cause?: { code?: string; message?: string };
    message?: string;
  };
  return cause?.code ?? cause?.message ?? message ?? String(error);
}
