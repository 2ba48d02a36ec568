import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Database, Queryable } from '../database/database.ts';
import { ProblemError, UpstreamUnavailable } from '../errors.ts';
import type { createErrandRows, Errand } from './errand-rows.ts';

/**
 * One kind of write that spans our database and somebody else's.
 *
 * `do` and `undo` speak to the other side and are idempotent: each may run more than once, and `undo` also after
 * a `do` that did half or nothing. `done` and `undone` are our side: they run in the transaction that settles the
 * errand, so that a report becomes visible, or goes, exactly when the other side agrees.
 */
export type OutboxHandler<Payload> = {
  do(payload: Payload, context: { signal: AbortSignal }): Promise<void>;
  undo(payload: Payload, context: { signal: AbortSignal }): Promise<void>;
  done?(payload: Payload, tx: Queryable): Promise<void>;
  undone?(payload: Payload, tx: Queryable): Promise<void>;
};

const MAX_TRIES_TO_FINISH = 12;

/** Runs errands, each under a lease, and stores what follows from the result. */
export function createErrandWorker(options: {
  database: Database;
  rows: ReturnType<typeof createErrandRows>;
  handlers: ReadonlyMap<string, OutboxHandler<unknown>>;
  sendJob(id: string, afterSeconds: number): Promise<unknown>;
  leaseMs: number;
  log: Logger;
}) {
  const { database, rows, handlers, sendJob, leaseMs, log } = options;
  const stopping = new AbortController();
  const running = new Set<Promise<unknown>>();
  let closing = false;

  async function run(errand: Errand): Promise<void> {
    const handler = handlers.get(errand.kind);
    if (!handler) throw new Error(`nobody registered the outbox kind ${errand.kind}`);
    const signal = AbortSignal.any([stopping.signal, AbortSignal.timeout(leaseMs)]);
    if (errand.state === 'doing') {
      await handler.do(errand.payload, { signal });
      const settled = await database.transaction(async (tx) => {
        if (!(await rows.settle(tx, errand, 'done'))) return false;
        await handler.done?.(errand.payload, tx);
        return true;
      });
      if (!settled)
        throw new UpstreamUnavailable('permit', 'done after its lease', { logCode: 'outbox_late' });
    } else {
      await handler.undo(errand.payload, { signal });
      const settled = await database.transaction(async (tx) => {
        if (!(await rows.settle(tx, errand, 'undone'))) return false;
        await rows.forgetKey(tx, errand.id);
        await handler.undone?.(errand.payload, tx);
        return true;
      });
      if (!settled) await tooLate(errand);
    }
  }

  /** Its lease has passed on: what was just done, all of it or half, cannot stay unless they did the same. */
  async function tooLate(errand: Errand): Promise<{ done: boolean }> {
    const again = await rows.reopen(errand);
    if (again) await sendJob(again, 0);
    return { done: (await rows.find(errand.id))?.state === 'done' };
  }

  /** False when the lease was lost. */
  async function retry(
    errand: Errand,
    next: { state: Errand['state']; afterMs: number; error: string },
  ): Promise<boolean> {
    if (!(await rows.postpone(errand, { ...next, attempts: errand.attempts + 1 }))) return false;
    await sendJob(errand.id, Math.ceil(next.afterMs / 1_000));
    return true;
  }

  async function attempt(errand: Errand): Promise<void> {
    try {
      await run(errand);
    } catch (error) {
      const attempts = errand.attempts + 1;
      const refused = error instanceof ProblemError && error.status < 500;
      const giveUp =
        errand.state === 'doing' &&
        (refused || errand.if_interrupted === 'undo' || attempts >= MAX_TRIES_TO_FINISH);
      const backoffMs = Math.min(300_000, 1_000 * 2 ** Math.min(attempts, 9)) * (0.8 + Math.random() * 0.4);
      log[attempts % 10 === 0 ? 'error' : 'warn'](
        { err: error, errand: errand.id, kind: errand.kind, state: errand.state, attempts },
        'outbox: not settled',
      );
      const kept = await retry(errand, {
        state: giveUp ? 'undoing' : errand.state,
        afterMs: giveUp ? 0 : backoffMs,
        error: error instanceof Error ? error.message : String(error),
      });
      if (!kept && (await tooLate(errand)).done) return;
      throw error;
    }
  }

  function track(work: Promise<void>): Promise<void> {
    running.add(work);
    work.catch(() => undefined).finally(() => running.delete(work));
    return work;
  }

  return {
    /** One try; rejects with what the handler said, after what follows from it is stored. */
    attempt: (errand: Errand): Promise<void> => track(attempt(errand)),

    /** The worker's turn: what is still open and free was interrupted. */
    async resume(id: string): Promise<void> {
      if (closing) return;
      // What another application on this database posted is its own: here nobody knows how to do or undo it.
      const errand = await rows.lease(id, [...handlers.keys()]);
      if (!errand) return;
      const state = errand.state === 'doing' && errand.if_interrupted === 'undo' ? 'undoing' : errand.state;
      if (state !== errand.state && !(await rows.turnBack(errand))) return;
      await track(attempt({ ...errand, state })).catch(() => undefined);
    },

    async idle(): Promise<void> {
      await Promise.allSettled(running);
    },

    /** Gives running tries `graceMs`, then aborts their signals. */
    async stop(graceMs: number): Promise<void> {
      closing = true;
      await Promise.race([Promise.allSettled(running), delay(graceMs, undefined, { ref: false })]);
      stopping.abort(new Error('the outbox stops'));
      // A handler that does not listen to its signal is left to its lease.
      await Promise.race([Promise.allSettled(running), delay(1_000, undefined, { ref: false })]);
    },
  };
}
