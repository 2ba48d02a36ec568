import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';
import type { Database } from '../database/database.ts';
import { RetryLater } from '../inbox/outcome.ts';
import type { Queue } from '../inbox/queue.ts';
import { ReconcileRefused } from './reconcile.ts';
import { ReconcileBusy } from './reconcile-lease.ts';
import { createRunLog } from './reconcile-runs.ts';

const QUEUE = 'sync-reconcile';
const LOOK_EVERY_MS = 30_000;
const TRY_AGAIN_SECONDS = 60;

/**
 * Starts a reconcile when one is due: at start, every so many minutes, and when somebody asks. The queue makes
 * one of many wishes, and all instances share it.
 */
export function createReconcileTimer(options: {
  queue: Queue;
  database: Database;
  clock: Clock;
  log: Logger;
  /** 0: only at start; -1: never by itself. */
  everyMinutes: number;
  run(): Promise<unknown>;
}) {
  const { queue, clock, log, everyMinutes, run } = options;
  const runs = createRunLog(options.database, clock);
  let ticking: NodeJS.Timeout | undefined;
  let started = false;
  let stopped = false;

  async function request(afterSeconds: number): Promise<void> {
    if (!started) return;
    await queue.send(
      QUEUE,
      {},
      {
        singletonKey: afterSeconds > 5 ? 'later' : 'soon',
        ...(afterSeconds > 0 ? { startAfterSeconds: afterSeconds } : {}),
      },
    );
  }

  /** For a letter that is done once somebody reconciles. @throws RetryLater when this process no longer will. */
  async function demand(): Promise<void> {
    if (stopped) throw new RetryLater('the reconcile timer has stopped');
    await request(1);
  }

  async function work(): Promise<void> {
    try {
      await run();
    } catch (error) {
      // The lease may be that of an instance that died; a refusal waits for a person.
      if (error instanceof ReconcileBusy) return request(TRY_AGAIN_SECONDS);
      if (error instanceof ReconcileRefused)
        return log.error({ deletions: error.report.deletions }, 'reconcile refused');
      log.warn({ err: error }, 'reconcile failed');
      await request(TRY_AGAIN_SECONDS);
    }
  }

  async function tick(): Promise<void> {
    const last = await runs.lastEndedMs();
    if (last === undefined || clock.now() - last >= everyMinutes * 60_000) await request(0);
  }

  return {
    request,
    demand,
    async start(): Promise<void> {
      await queue.ensure(QUEUE, { policy: 'short', retryLimit: 0, expireInSeconds: 6 * 3600 });
      started = true;
      await queue.work(QUEUE, work);
      if (everyMinutes >= 0) await request(0);
      if (everyMinutes <= 0) return;
      ticking = setInterval(() => {
        tick().catch((error: unknown) => log.warn({ err: error }, 'reconcile timer'));
      }, LOOK_EVERY_MS).unref();
    },
    async stop(): Promise<void> {
      started = false;
      stopped = true;
      clearInterval(ticking);
    },
  };
}
