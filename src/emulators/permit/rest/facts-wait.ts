import type { IncomingMessage } from 'node:http';
import type { Entrance } from './serve-rest.ts';

export type WaitPolicy = { timeoutMs: number; onTimeout: 'ignore' | 'fail' };

const DEFAULT_TIMEOUT_MS = 10_000;

/** A refusal of the facts proxy itself, before or after what it forwards. */
export class FactsWaitError extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.name = 'FactsWaitError';
    this.status = status;
  }
}

/**
 * How long the facts proxy waits for its own copy: `X-Wait-Timeout` in seconds (empty or negative: without
 * limit, 0: not at all), `X-Timeout-Policy` what happens then.
 *
 * @returns `undefined` for a call to the API itself, which waits for nothing.
 * @throws {FactsWaitError} 400 for a value that is neither.
 */
export function waitPolicyOf(req: IncomingMessage, entrance: Entrance): WaitPolicy | undefined {
  const timeout = headerOf(req, 'x-wait-timeout');
  const policy = headerOf(req, 'x-timeout-policy');
  // API and decision point share one address here: the headers tell which of the two was meant.
  if (entrance === 'api' && timeout === undefined && policy === undefined) return undefined;
  const onTimeout = policy ?? 'ignore';
  if (onTimeout !== 'ignore' && onTimeout !== 'fail') {
    throw new FactsWaitError(400, `Invalid timeout policy: ${onTimeout}`);
  }
  return { timeoutMs: timeoutOf(timeout), onTimeout };
}

function timeoutOf(text: string | undefined): number {
  if (text === undefined) return DEFAULT_TIMEOUT_MS;
  if (text === '') return Number.POSITIVE_INFINITY;
  const seconds = Number(text);
  // JavaScript also reads `0x10`, which the proxy's own language does not.
  if (Number.isNaN(seconds) || /^0[xob]/i.test(text))
    throw new FactsWaitError(400, `Invalid wait timeout: ${text}`);
  return seconds < 0 ? Number.POSITIVE_INFINITY : seconds * 1000;
}

function headerOf(req: IncomingMessage, name: string): string | undefined {
  const value = req.headers[name];
  return Array.isArray(value) ? value[0] : value?.trim();
}

/** @throws {FactsWaitError} 424 when the write was done and has not arrived in time. */
export function requireFactsWait(inTime: boolean, { onTimeout }: WaitPolicy): void {
  if (!inTime && onTimeout === 'fail') {
    throw new FactsWaitError(424, 'Timeout waiting for update to be received');
  }
}
