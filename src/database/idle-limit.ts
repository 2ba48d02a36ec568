import { UpstreamUnavailable } from '../errors.ts';

/**
 * Ends a transaction that asks nothing, as Postgres does with `idle_in_transaction_session_timeout`: what waits in
 * it for somebody else keeps everybody out. The time of its statements does not count.
 *
 * @see https://www.postgresql.org/docs/current/runtime-config-client.html#GUC-IDLE-IN-TRANSACTION-SESSION-TIMEOUT
 */
export function createIdleLimit(limitMs: number) {
  const { promise: passed, reject } = Promise.withResolvers<never>();
  // Nobody may be listening any more, when the transaction has failed by itself.
  passed.catch(() => undefined);
  let running = 0;
  let over = false;
  let timer: NodeJS.Timeout | undefined;

  function watch(): void {
    clearTimeout(timer);
    if (over || running > 0) return;
    timer = setTimeout(
      () => reject(new UpstreamUnavailable('database', `a transaction was idle for ${limitMs} ms`)),
      limitMs,
    ).unref();
  }
  watch();

  return {
    /** Rejects when the time is over. */
    passed,
    async whileAsking<T>(statement: () => Promise<T>): Promise<T> {
      running += 1;
      watch();
      try {
        return await statement();
      } finally {
        running -= 1;
        watch();
      }
    },
    end(): void {
      over = true;
      watch();
    },
  };
}
