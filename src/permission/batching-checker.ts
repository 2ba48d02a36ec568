import { UpstreamUnavailable } from '../errors.ts';
import type { DecisionTrace, PermissionChecker } from './checker.ts';
import type { Breaker } from './circuit-breaker.ts';
import type { DecisionEngine } from './decision-engine.ts';
import { questionText } from './question-text.ts';

type Waiter = {
  resolve(allowed: boolean): void;
  reject(failure: unknown): void;
  trace: DecisionTrace | undefined;
};
type Pending = { text: string; waiters: Waiter[]; deadlineAt: number };

export type BatchingOptions = {
  engine: DecisionEngine;
  breaker: Breaker;
  /** Questions in one call at most. */
  maxBatch?: number;
  /** Calls under way at most; what comes meanwhile waits for the next one and goes together. */
  maxInFlight?: number;
  /** From question to answer, retry included, in milliseconds. */
  deadlineMs?: number;
};

/**
 * Asks every question afresh, in few calls: a question that is alone goes out alone, those of one turn of the
 * event loop together, equal ones once. A call that fails is tried once more within the deadline; when the
 * answer or the question was at fault the second try is one by one, so that one caller's odd question is
 * nobody else's 503.
 */
export function createBatchingChecker(options: BatchingOptions): PermissionChecker {
  const { engine, breaker, maxBatch = 100, maxInFlight = 4, deadlineMs = 950 } = options;
  // Questions not yet sent, by their text, oldest first.
  let waiting = new Map<string, Pending>();
  let inFlight = 0;
  let scheduled = false;

  function schedule(): void {
    if (scheduled || inFlight >= maxInFlight) return;
    scheduled = true;
    setImmediate(flush);
  }

  /**
   * Whose time has run out in our own queue, or all but a tenth of it, is refused without an attempt: it would
   * fail for want of time, and the breaker would take that for an outage of the PDP.
   */
  function refuseLate(): void {
    const lateAt = performance.now() + deadlineMs / 10;
    for (const [text, { deadlineAt, waiters }] of waiting) {
      if (deadlineAt > lateAt) return;
      waiting.delete(text);
      for (const waiter of waiters) waiter.reject(waitedTooLong());
    }
  }

  function flush(): void {
    scheduled = false;
    refuseLate();
    while (waiting.size > 0 && inFlight < maxInFlight) {
      inFlight += 1;
      send(nextBatch()).finally(landed);
    }
  }

  function landed(): void {
    inFlight -= 1;
    if (waiting.size > 0) schedule();
  }

  function nextBatch(): Pending[] {
    if (waiting.size <= maxBatch) {
      const all = [...waiting.values()];
      waiting = new Map();
      return all;
    }
    const batch: Pending[] = [];
    for (const [text, pending] of waiting) {
      batch.push(pending);
      waiting.delete(text);
      if (batch.length === maxBatch) break;
    }
    return batch;
  }

  async function send(batch: Pending[]): Promise<void> {
    const first = batch[0] as Pending;
    if (batch.length === 1) return settleOne(first, 2);
    const texts = batch.map((pending) => pending.text);
    const attempt = () => breaker.run(() => engine.askMany(texts, first.deadlineAt));
    try {
      settle(batch, await attempt());
    } catch (failure) {
      const kind = engine.kindOf(failure);
      if (kind === 'refused' || first.deadlineAt <= performance.now()) return refuse(batch, failure);
      if (kind !== 'outage') {
        await Promise.all(batch.map((pending) => settleOne(pending, 1)));
        return;
      }
      try {
        settle(batch, await attempt());
      } catch (secondFailure) {
        refuse(batch, secondFailure);
      }
    }
  }

  async function settleOne(pending: Pending, attempts: number): Promise<void> {
    try {
      const allowed = await breaker.run(() => engine.askOne(pending.text, pending.deadlineAt));
      settle([pending], [allowed]);
    } catch (failure) {
      const last = attempts === 1 || pending.deadlineAt <= performance.now();
      const kind = engine.kindOf(failure);
      if (last || kind === 'refused' || kind === 'question') return refuse([pending], failure);
      return settleOne(pending, attempts - 1);
    }
  }

  return {
    isAllowed(question, { trace } = {}) {
      const text = questionText(question);
      return new Promise<boolean>((resolve, reject) => {
        const waiter: Waiter = { resolve, reject, trace };
        const same = waiting.get(text);
        if (same) {
          same.waiters.push(waiter);
          return;
        }
        waiting.set(text, { text, waiters: [waiter], deadlineAt: performance.now() + deadlineMs });
        schedule();
      });
    },

    async permissionsOf(query) {
      const deadlineAt = performance.now() + deadlineMs;
      const attempt = () => breaker.run(() => engine.permissionsOf(query, deadlineAt));
      try {
        return await attempt();
      } catch (failure) {
        const kind = engine.kindOf(failure);
        if (kind === 'refused' || kind === 'question' || deadlineAt <= performance.now()) throw failure;
        return await attempt();
      }
    },
  };
}

function waitedTooLong(): UpstreamUnavailable {
  return new UpstreamUnavailable('permit', 'too many questions wait', { logCode: 'permit_queue_timeout' });
}

function settle(batch: readonly Pending[], decisions: readonly boolean[]): void {
  for (const [index, pending] of batch.entries()) {
    for (const waiter of pending.waiters) {
      if (waiter.trace) waiter.trace.batched = batch.length;
      waiter.resolve(decisions[index] as boolean);
    }
  }
}

function refuse(batch: readonly Pending[], failure: unknown): void {
  for (const pending of batch) {
    for (const waiter of pending.waiters) {
      if (waiter.trace) waiter.trace.batched = batch.length;
      waiter.reject(failure);
    }
  }
}
