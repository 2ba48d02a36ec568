import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { Clock } from '../clock.ts';
import type { Database, Queryable } from '../database/database.ts';
import type { Queue } from '../inbox/queue.ts';
import { createErrandRows, type Errand, type IfInterrupted } from './errand-rows.ts';
import { createErrandWorker, type OutboxHandler } from './errand-worker.ts';
import { claimKey, type Once } from './idempotency.ts';
import { inTime, notNow, passRefusal } from './in-time.ts';
import { gaugeOpenErrands } from './outbox-metrics.ts';

export type PerformOptions<Payload, Answer> = {
  /** Writes our side, invisible as yet, and says what to do at the other and what to answer afterwards. */
  prepare(tx: Queryable): Promise<{ payload: Payload; answer: Answer }>;
  /**
   * What becomes of it when this request cannot finish it in time or dies. Default: `finish` for a request with
   * an idempotency key (its sender can ask again), `undo` for one without (its sender will make another).
   */
  ifInterrupted?: IfInterrupted;
  once?: Once | undefined;
  /**
   * What it is about, where two kinds turn the same thing: a role given and taken. Errands of one topic are done in
   * the order of their requests; one that is still open when the next comes is dropped, since the next one's `do`
   * says how it shall be.
   */
  topic?: string | undefined;
  /** Default 5 seconds; then 503. */
  deadlineMs?: number;
};

export type Outbox = {
  register<Payload>(kind: string, handler: OutboxHandler<Payload>): void;
  /**
   * Prepares and does it, and resolves only when both sides agree.
   *
   * @returns the answer, and whether it is that of an earlier request with the same key.
   * @throws UpstreamUnavailable (503) when it could not be finished now; nothing of it is visible.
   * @throws whatever `do` refused with (a `ProblemError` below 500); it has been or will be undone.
   * @throws Conflict (409) when the key belongs to another request.
   */
  perform<Payload, Answer>(
    kind: string,
    options: PerformOptions<Payload, Answer>,
  ): Promise<{ answer: Answer; replayed: boolean }>;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** For tests: works everything that is due by the clock; resolves when nothing is. */
  drain(): Promise<void>;
  stats(): Promise<{ open: number; oldestSeconds: number }>;
};

const QUEUE = 'outbox';
const LEASE_MS = 30_000;
const SWEEP_MS = 10_000;
const KEEP_MS = 48 * 3_600_000;

/**
 * Writes to two databases that cannot share a transaction: what to do is stored with our own rows, done at once
 * while the request waits, and finished or taken back by a worker when the request cannot.
 *
 * @example
 * outbox.register<{ id: string; owner: string }>('report', {
 *   do: ({ id, owner }) => grantOwner(id, owner),
 *   undo: ({ id, owner }) => revokeOwner(id, owner),
 *   done: async ({ id }, tx) => { await tx.query('UPDATE elp.report SET visible = true WHERE id = $1', [id]); },
 *   undone: async ({ id }, tx) => { await tx.query('DELETE FROM elp.report WHERE id = $1', [id]); },
 * });
 * const { answer } = await outbox.perform('report', {
 *   once: onceOf(req.get('Idempotency-Key'), principal.key, { path: req.path, body }),
 *   prepare: async (tx) => {
 *     const report = await insertReport(tx, body);
 *     return { payload: { id: report.id, owner: principal.key }, answer: report };
 *   },
 * });
 * res.status(201).json(answer);
 */
export function createOutbox(options: {
  database: Database;
  queue: Pick<Queue, 'ensure' | 'send' | 'work'>;
  clock: Clock;
  log: Logger;
  metrics?: Registry;
}): Outbox {
  const { database, queue, clock, log } = options;
  const rows = createErrandRows({ database, clock, leaseMs: LEASE_MS });
  const handlers = new Map<string, OutboxHandler<unknown>>();
  const kinds = () => [...handlers.keys()];
  const worker = createErrandWorker({
    database,
    rows,
    handlers,
    sendJob: (id, startAfterSeconds) => queue.send(QUEUE, { id }, { startAfterSeconds }),
    leaseMs: LEASE_MS,
    log,
  });
  let sweeper: NodeJS.Timeout | undefined;
  let sweeping = false;
  let started = false;

  if (options.metrics) gaugeOpenErrands(options.metrics, rows.counts);

  /** Waits for an errand that another request or the worker has in hand; takes it up when nobody has. */
  async function settled(id: string, deadlineMs: number): Promise<Errand> {
    const giveUpAt = performance.now() + deadlineMs;
    for (;;) {
      const errand = await rows.find(id);
      if (!errand || errand.state === 'undone') throw notNow();
      if (errand.state === 'done') return errand;
      const mine = errand.state === 'doing' ? await rows.lease(id, kinds(), true) : undefined;
      if (mine && !(await inTime(worker.attempt(mine), giveUpAt))) throw notNow();
      if (performance.now() >= giveUpAt) throw notNow();
      if (!mine) await delay(25);
    }
  }

  async function sweep(): Promise<void> {
    // One at a time: handlers that hang would otherwise pile sweeps up.
    if (sweeping) return;
    sweeping = true;
    try {
      for (const id of await rows.due(100, kinds())) await worker.resume(id);
      await rows.removeSettled(KEEP_MS);
    } finally {
      sweeping = false;
    }
  }

  /**
   * Begins when there is something that this process can do: a command on an application's database would only take
   * its jobs from whoever can.
   */
  async function beginWork(): Promise<void> {
    if (sweeper || handlers.size === 0) return;
    sweeper = setInterval(() => {
      sweep().catch((error: unknown) => log.warn({ err: error }, 'outbox: sweep'));
    }, SWEEP_MS);
    sweeper.unref();
    await queue.work<{ id: string }>(QUEUE, ({ data }) => worker.resume(data.id), { concurrency: 2 });
  }

  return {
    register(kind, handler) {
      if (handlers.has(kind)) throw new Error(`the outbox kind ${kind} is registered twice`);
      handlers.set(kind, handler as OutboxHandler<unknown>);
      if (started) beginWork().catch((error: unknown) => log.warn({ err: error }, 'outbox: does not work'));
    },
    async perform<Payload, Answer>(kind: string, options: PerformOptions<Payload, Answer>) {
      const { once, topic, deadlineMs = 5_000, ifInterrupted = once ? 'finish' : 'undo' } = options;
      const giveUpAt = performance.now() + deadlineMs;
      if (!handlers.has(kind)) throw new Error(`nobody registered the outbox kind ${kind}`);
      // Before the transaction: the engine would look an unknown queue up outside of it.
      await queue.ensure(QUEUE);
      const id = randomUUID();
      let answer: Answer;
      let errand: Errand;
      for (;;) {
        try {
          [errand, answer] = await database.transaction(async (tx) => {
            const earlier = once && (await claimKey(tx, once, id));
            if (earlier) throw new Repeated(earlier);
            if (topic !== undefined && !(await rows.supersede(tx, topic))) throw new Occupied();
            const prepared = await options.prepare(tx);
            const posted = await rows.insert(tx, {
              id,
              kind,
              ...prepared,
              ifInterrupted,
              topic: topic ?? null,
            });
            // For the case that this process dies: by then its lease is over.
            await queue.send(QUEUE, { id }, { tx, startAfterSeconds: LEASE_MS / 1_000 + 1 });
            return [posted, prepared.answer];
          });
          break;
        } catch (error) {
          if (error instanceof Repeated) {
            const first = await settled(error.errandId, deadlineMs);
            return { answer: first.answer as Answer, replayed: true };
          }
          if (!(error instanceof Occupied)) throw error;
          if (performance.now() >= giveUpAt) throw notNow();
          await delay(25);
        }
      }
      const work = worker.attempt(errand);
      if (!(await inTime(work, performance.now() + deadlineMs))) {
        // When nobody can say whether it was turned back, what becomes of it is the answer.
        if (ifInterrupted === 'finish' || (await rows.turnBack(errand).catch(() => false))) throw notNow();
        await work.catch(passRefusal);
      }
      return { answer, replayed: false };
    },
    async start() {
      await queue.ensure(QUEUE);
      started = true;
      await beginWork();
    },
    async stop() {
      started = false;
      clearInterval(sweeper);
      await worker.stop(2_000);
    },
    async drain() {
      for (let ids = await rows.due(100, kinds()); ids.length > 0; ids = await rows.due(100, kinds())) {
        for (const id of ids) await worker.resume(id);
      }
      await worker.idle();
    },
    stats: () => rows.counts(),
  };
}

/** Carries an earlier request's errand out of the transaction that must not commit. */
class Repeated extends Error {
  readonly errandId: string;
  constructor(errandId: string) {
    super('repeated');
    this.errandId = errandId;
  }
}

/** Somebody is at an errand of the same topic; nothing may be stored before it has ended. */
class Occupied extends Error {}
