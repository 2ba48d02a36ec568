import type { Clock } from '../clock.ts';
import { isBackground } from '../database/background.ts';
import { DirectoryError } from '../sync/directory-error.ts';

/** A request waits no longer than this for its turn; work that nobody waits for has all the time. */
const PATIENCE_MS = 2_000;

export type CallClass = 'read' | 'write' | 'delete' | 'bulk';

/** Calls of a class allowed in a window. */
export type CallLimit = { calls: number; windowMs: number };

/** What api.permit.io allows an environment. */
export const vendorLimits: Readonly<Record<CallClass | 'all', CallLimit>> = {
  all: { calls: 1000, windowMs: 60_000 },
  read: { calls: 1000, windowMs: 60_000 },
  write: { calls: 300, windowMs: 60_000 },
  delete: { calls: 60, windowMs: 60_000 },
  bulk: { calls: 100, windowMs: 600_000 },
};

/** They hold where the vendor answers, unless the caller says otherwise. */
export function limitsOf(apiUrl: string, wish?: 'vendor' | 'none'): typeof vendorLimits | undefined {
  const own: typeof wish = new URL(apiUrl).hostname.endsWith('.permit.io') ? 'vendor' : 'none';
  return (wish ?? own) === 'vendor' ? vendorLimits : undefined;
}

/**
 * Holds calls back so that the vendor need not: each window is filled and then waited for. Better late here
 * than a 429 there, which costs the environment's other users their calls as well.
 *
 * @throws (on a call of a request) DirectoryError `rate-limited`, at once, when its turn would come too late.
 */
export function createThrottle(
  limits: Readonly<Record<CallClass | 'all', CallLimit>> | undefined,
  clock: Clock,
): (kind: CallClass) => Promise<void> {
  if (!limits) return async () => {};
  const past: Record<CallClass | 'all', number[]> = { all: [], read: [], write: [], delete: [], bulk: [] };

  const waitMs = (kind: CallClass | 'all', now: number): number => {
    const { calls, windowMs } = limits[kind];
    const times = past[kind];
    // A clock that was set back would wait for its former time to come again.
    if (now < (times.at(-1) ?? now)) times.length = 0;
    while (times[0] !== undefined && times[0] <= now - windowMs) times.shift();
    return times.length < calls ? 0 : (times[0] as number) + windowMs - now;
  };

  return async function take(kind) {
    const giveUpAt = isBackground() ? Number.POSITIVE_INFINITY : clock.now() + PATIENCE_MS;
    for (;;) {
      const now = clock.now();
      const ms = Math.max(waitMs('all', now), waitMs(kind, now));
      if (ms <= 0) {
        past.all.push(now);
        past[kind].push(now);
        return;
      }
      if (now + ms > giveUpAt) {
        throw new DirectoryError('rate-limited', `the calls of this window are used up (${kind})`, {
          retryAfterMs: ms,
        });
      }
      await new Promise((resolve) => setTimeout(resolve, Math.min(ms, 1000)).unref());
    }
  };
}
