import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { setImmediate as turn } from 'node:timers/promises';

const FORCE_AFTER_MS = 9_000;
/** One accepts a connection, the next reads it; the third is for a client that writes only then. */
const TURNS_FOR_WHAT_HAS_ARRIVED = 3;

export type GracefulClose = {
  /** Resolves when every connection has ended; a second call ends them at once. */
  close(): Promise<void>;
};

/**
 * Lets a server end without a broken answer: readiness fails first, running requests, and those that have arrived
 * and were not read yet, are answered and told `Connection: close`, idle connections go, and after nine seconds the
 * rest goes too.
 *
 * Make it before the server takes its first request: it has to know which answers are under way.
 *
 * @param options.onClosing Called once, first: wire `health.startClosing` to it.
 * @param options.readinessDelayMs How long new connections are still taken, for a load balancer to notice.
 *
 * @example
 * const graceful = createGracefulClose(server, { onClosing: () => health.startClosing() });
 * process.on('SIGTERM', () => void graceful.close());
 */
export function createGracefulClose(
  server: Server,
  options: { onClosing?: () => void; readinessDelayMs?: number; forceAfterMs?: number } = {},
): GracefulClose {
  const { onClosing, readinessDelayMs = 0, forceAfterMs = FORCE_AFTER_MS } = options;
  const underWay = new Set<ServerResponse>();
  let closed: Promise<void> | undefined;

  server.prependListener('request', (_req: IncomingMessage, res: ServerResponse) => {
    if (closed) sayClose(res);
    underWay.add(res);
    res.once('close', () => underWay.delete(res));
  });

  async function closeOnce(): Promise<void> {
    onClosing?.();
    for (const res of underWay) sayClose(res);
    await pause(readinessDelayMs);
    // A connection that looks idle may have its next request waiting in the kernel; closing it would break that off.
    for (let n = 0; n < TURNS_FOR_WHAT_HAS_ARRIVED; n += 1) await turn();
    const ended = Promise.withResolvers<void>();
    server.close(() => ended.resolve());
    server.closeIdleConnections();
    const timer = setTimeout(() => server.closeAllConnections(), forceAfterMs);
    await ended.promise;
    clearTimeout(timer);
  }

  return {
    close() {
      if (closed) server.closeAllConnections();
      closed ??= closeOnce();
      return closed;
    },
  };
}

function sayClose(res: ServerResponse): void {
  if (!res.headersSent) res.setHeader('Connection', 'close');
}

async function pause(ms: number): Promise<void> {
  if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));
}
