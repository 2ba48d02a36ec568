import { setTimeout as delay } from 'node:timers/promises';
import { ProblemError, UpstreamUnavailable } from '../errors.ts';

/** 503: it may be done yet, or taken back. */
export const notNow = () =>
  new UpstreamUnavailable('permit', 'not settled in time', {
    logCode: 'outbox_pending',
    retryAfterSeconds: 2,
  });

/** Whether it ended in time; what goes on afterwards is its worker's. @throws what it rejects with in time. */
export async function inTime(work: Promise<void>, giveUpAt: number): Promise<boolean> {
  const ended = new AbortController();
  const deadline = delay(Math.max(0, giveUpAt - performance.now()), false, {
    ref: false,
    signal: ended.signal,
  });
  const done = work.then(() => true, passRefusal);
  return Promise.race([done, deadline]).finally(() => ended.abort());
}

/** A refusal is the caller's answer; everything else is an outage, whatever it was. */
export function passRefusal(error: unknown): never {
  if (error instanceof ProblemError) throw error;
  throw new UpstreamUnavailable('permit', 'not settled', {
    cause: error,
    logCode: 'outbox_pending',
    retryAfterSeconds: 2,
  });
}
