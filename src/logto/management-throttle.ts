import type { Clock } from '../clock.ts';

/**
 * Keeps to Logto Cloud's 200 requests in 10 s. Lists leave a quarter of the window to single reads: the person
 * who signs up during a reconcile does not queue behind a hundred pages.
 *
 * @see https://docs.logto.io/integrate-logto/interact-with-management-api
 */
export function createManagementThrottle(
  limit: { calls: number; windowMs: number } | undefined,
  clock: Clock,
): (kind: 'single' | 'list') => Promise<void> {
  if (!limit) return async () => {};
  const past: number[] = [];
  const room = { single: limit.calls, list: Math.max(1, Math.floor(limit.calls * 0.75)) };

  return async function take(kind) {
    for (;;) {
      const now = clock.now();
      // A clock that was set back would wait for its former time to come again.
      if (now < (past.at(-1) ?? now)) past.length = 0;
      while (past[0] !== undefined && past[0] <= now - limit.windowMs) past.shift();
      if (past.length < room[kind]) {
        past.push(now);
        return;
      }
      const ms = (past[0] as number) + limit.windowMs - now;
      await new Promise((resolve) => setTimeout(resolve, Math.min(Math.max(ms, 5), 1000)).unref());
    }
  };
}
