import { setTimeout as delay } from 'node:timers/promises';

/** While a start waits: work that turns out to be none gives its distance back. */
const LOOK_AGAIN_MS = 2;
/** A thread that never rests, for all the requests that it has, still starts one in so many gaps of the clock. */
const MOST_GAPS = 10;

const restedMs = () => performance.eventLoopUtilization().idle;

/**
 * A bounded number of subjects at once in this process.
 *
 * @param options.size how many run at once.
 * @param options.gapMs how long this thread must have rested between the starts of two. A backlog that is worked as
 *   fast as it goes leaves requests, and the decisions that they wait for, nothing; one that starts in bursts is felt
 *   by whoever meets a burst; and one that keeps to the clock is too fast for a process that is cold or busy.
 * @param options.work must not reject; what it does with its failures is its own affair. `false`: there was nothing
 *   to do, and the next one need not keep its distance.
 */
export function createSubjectPool(options: {
  size: number;
  gapMs: number;
  /** Aborted: nothing starts any more. */
  closing: AbortSignal;
  work(subject: string): Promise<boolean>;
}) {
  const { size, gapMs, closing, work } = options;
  const running = new Map<string, Promise<void>>();
  const again = new Set<string>();
  const waitingForRoom: (() => void)[] = [];
  let nextStartAt = Number.NEGATIVE_INFINITY;
  let startedAt = Number.NEGATIVE_INFINITY;
  closing.addEventListener('abort', () => {
    for (const wake of waitingForRoom.splice(0)) wake();
  });

  function start(subject: string): void {
    // Timers are late; what that cost is made up for, by one start.
    nextStartAt = Math.max(nextStartAt, restedMs() - gapMs) + gapMs;
    startedAt = performance.now();
    const done = work(subject).then((worked) => {
      if (!worked) nextStartAt -= gapMs;
      running.delete(subject);
      if (again.delete(subject)) start(subject);
      else waitingForRoom.shift()?.();
    });
    running.set(subject, done);
  }

  return {
    /** Resolves when the subject is in hand, which may take until another one is done; `false` when closing. */
    async admit(subject: string): Promise<boolean> {
      while (!running.has(subject)) {
        if (closing.aborted) return false;
        const earlyMs = Math.min(nextStartAt - restedMs(), startedAt + MOST_GAPS * gapMs - performance.now());
        if (running.size >= size) await new Promise<void>((resolve) => waitingForRoom.push(resolve));
        else if (earlyMs > 0)
          await delay(Math.min(earlyMs, LOOK_AGAIN_MS), undefined, { signal: closing }).catch(
            () => undefined,
          );
        else {
          start(subject);
          return true;
        }
      }
      // Already in hand: what came since then is looked at right after.
      again.add(subject);
      return true;
    },

    isIdle: () => running.size === 0,

    /** Resolves when nothing runs. */
    async idle(): Promise<void> {
      while (running.size > 0) await Promise.allSettled(running.values());
    },
  };
}
