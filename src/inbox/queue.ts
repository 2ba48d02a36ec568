import { PgBoss, type SendOptions } from 'pg-boss';
import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';
import type { Database, Queryable } from '../database/database.ts';
import { UpstreamUnavailable } from '../errors.ts';
import { createDrain } from './queue-drain.ts';
import { engineOn, install, transactionOf } from './queue-engine.ts';

export type QueueOptions = {
  /** `short`: at most one waiting job a `singletonKey`; a second one is dropped. */
  policy?: 'standard' | 'short';
  /** Tries after the first one; default 2. */
  retryLimit?: number;
  /** Seconds before the second try, doubled on each further one, with jitter. */
  retryDelaySeconds?: number;
  retryDelayMaxSeconds?: number;
  /** A job that runs longer is given to somebody else; default 900. */
  expireInSeconds?: number;
};

export type Job<Data> = {
  id: string;
  data: Data;
  /** 1 on the first try. */
  attempt: number;
  /** Aborted when the job has run out of time, or the queue stops and cannot wait any longer. */
  signal: AbortSignal;
};

export type SendJobOptions = {
  /** The job becomes part of this transaction: it exists if and only if that commits. */
  tx?: Queryable;
  startAfterSeconds?: number;
  singletonKey?: string;
  /** Higher goes first; default 0. */
  priority?: number;
};

export type Queue = {
  /** Installs the engine's schema when needed and begins to listen. Repeated calls are one. */
  start(): Promise<void>;
  /** Takes no more jobs, waits for the running ones up to `graceMs` (default 2,000), and lets go of its timers. */
  stop(options?: { graceMs?: number }): Promise<void>;
  /** Makes the queue if it is not there. Await it before the first `send` in a transaction. */
  ensure(name: string, options?: QueueOptions): Promise<void>;
  /** Resolves to the job's id, or `null` when a waiting job has the same `singletonKey`. */
  send(name: string, data: object, options?: SendJobOptions): Promise<string | null>;
  /** Many in one statement. */
  sendAll(
    name: string,
    jobs: { data: object; singletonKey?: string; priority?: number }[],
    options?: { tx?: Queryable },
  ): Promise<void>;
  /** Works jobs as they come: notified, not polled. A handler that rejects has its job tried again. */
  work<Data extends object>(
    name: string,
    handler: (job: Job<Data>) => Promise<void>,
    options?: { concurrency?: number },
  ): Promise<void>;
  /** As `work`, up to `size` jobs at once; a rejection fails them all. */
  workBatches<Data extends object>(
    name: string,
    handler: (jobs: Job<Data>[]) => Promise<void>,
    options: { size: number },
  ): Promise<void>;
  /** Takes no more jobs of this queue here; resolves when the running ones have ended. */
  leave(name: string): Promise<void>;
  /** For tests: resolves when nothing is due and nothing runs, in one queue or in all that are worked here. */
  drain(name?: string, options?: { timeoutMs?: number }): Promise<void>;
};

// A poll is only the floor under a lost notice.
const POLL_SECONDS = 5;
const MAX_TIMER_SECONDS = 3_600;

/**
 * pg-boss on our own database, so that a job can be part of the transaction that makes it necessary.
 *
 * Jobs start within some milliseconds: the engine is notified through the database, and a deferred job of this
 * process has a timer here. Throws `UpstreamUnavailable('database')` like every statement does.
 *
 * @see https://timgit.github.io/pg-boss/
 *
 * @example
 * const queue = createQueue({ database, log, clock });
 * await queue.start();
 * await queue.ensure('mail');
 * await queue.work<{ to: string }>('mail', async ({ data }) => send(data.to));
 * await database.transaction(async (tx) => { await queue.send('mail', { to: 'a' }, { tx }); });
 */
export function createQueue(options: { database: Database; log: Logger; clock: Clock }): Queue {
  const { database, log } = options;
  const engine = new PgBoss(engineOn(database));
  engine.on('error', (error) => log.warn({ err: error }, 'queue'));
  engine.on('warning', (warning) => log.debug({ warning }, 'queue'));
  const ensured = new Map<string, Promise<void>>();
  const workers = new Map<string, Set<string>>();
  const timers = new Set<NodeJS.Timeout>();
  let starting: Promise<void> | undefined;
  let stopped = false;

  const requireStarted = () => {
    if (!starting || stopped) throw new UpstreamUnavailable('database', 'the queue is not running');
  };
  const wake = (name: string) => {
    for (const id of workers.get(name) ?? []) engine.notifyWorker(id);
  };

  function wakeLater(name: string, seconds: number): void {
    if (seconds > MAX_TIMER_SECONDS) return;
    const timer = setTimeout(
      () => {
        timers.delete(timer);
        wake(name);
      },
      seconds * 1_000 + 5,
    );
    timer.unref();
    timers.add(timer);
  }

  async function addWorker<Data extends object>(
    name: string,
    batchSize: number,
    handler: (jobs: Job<Data>[]) => Promise<void>,
  ): Promise<void> {
    requireStarted();
    let id: string | undefined;
    id = await engine.work<Data>(
      name,
      { batchSize, pollingIntervalSeconds: 0.5, notifyPollingIntervalSeconds: POLL_SECONDS },
      async (jobs) => {
        try {
          await handler(
            jobs.map((job) => ({
              id: job.id,
              data: job.data,
              attempt: job.retryCount + 1,
              signal: job.signal,
            })),
          );
        } finally {
          // One notice may stand for many jobs: look again at once, until there is nothing left.
          if (id) engine.notifyWorker(id);
        }
      },
    );
    const known = workers.get(name) ?? new Set();
    workers.set(name, known.add(id));
  }

  const drain = createDrain({ database, wake, names: () => [...workers.keys()] });

  return {
    start() {
      starting ??= install(database, async () => {
        await engine.start();
      }).catch((error: unknown) => {
        starting = undefined;
        throw error;
      });
      return starting;
    },
    async stop({ graceMs = 2_000 } = {}) {
      if (!starting || stopped) return;
      stopped = true;
      for (const timer of timers) clearTimeout(timer);
      timers.clear();
      await starting.catch(() => undefined);
      await engine.stop({ graceful: true, close: false, timeout: graceMs });
    },
    ensure(name, { retryDelaySeconds, retryDelayMaxSeconds, ...rest } = {}) {
      requireStarted();
      let making = ensured.get(name);
      if (!making) {
        making = engine.createQueue(name, {
          policy: 'standard',
          notify: true,
          // What is done is of no use to anybody: the rooms keep their own records.
          deleteAfterSeconds: 60,
          heartbeatSeconds: 20,
          ...(retryDelaySeconds ? { retryDelay: retryDelaySeconds, retryBackoff: true } : {}),
          ...(retryDelaySeconds && retryDelayMaxSeconds ? { retryDelayMax: retryDelayMaxSeconds } : {}),
          ...rest,
        });
        making.catch(() => ensured.delete(name));
        ensured.set(name, making);
      }
      return making;
    },
    async send(name, data, { tx, startAfterSeconds, singletonKey, priority } = {}) {
      requireStarted();
      const sending: SendOptions = {};
      if (tx) sending.db = transactionOf(tx);
      if (startAfterSeconds) sending.startAfter = startAfterSeconds;
      if (singletonKey !== undefined) sending.singletonKey = singletonKey;
      if (priority !== undefined) sending.priority = priority;
      const id = await engine.send(name, data, sending);
      if (startAfterSeconds) wakeLater(name, startAfterSeconds);
      return id;
    },
    async sendAll(name, jobs, { tx } = {}) {
      requireStarted();
      if (jobs.length > 0) await engine.insert(name, jobs, tx ? { db: transactionOf(tx) } : {});
    },
    async work(name, handler, { concurrency = 1 } = {}) {
      for (let i = 0; i < concurrency; i++) {
        await addWorker<Parameters<typeof handler>[0]['data']>(name, 1, async ([job]) => {
          if (job) await handler(job);
        });
      }
    },
    workBatches: (name, handler, { size }) => addWorker(name, size, handler),
    async leave(name) {
      if (!workers.delete(name) || stopped) return;
      await engine.offWork(name, { wait: true });
    },
    drain,
  };
}
