import { createFacts } from '../engine/facts.ts';
import type { World } from '../engine/roles.ts';
import { createSchema } from '../engine/schema.ts';

/** A timer that is set for longer fires at once. */
const LONGEST_TIMER_MS = 2_147_483_647;

export type Change = (world: World) => void;
export type Replica = ReturnType<typeof createReplica>;

/**
 * The decision point's own copy of the world. Changes reach it in order, `delayMs` after they were made; the
 * real one learns of them over a network.
 */
export function createReplica(delayMs: number) {
  const world: World = { schema: createSchema(), facts: createFacts() };
  const queue: { change: Change; dueAt: number }[] = [];
  const waiting = new Set<{ until: number; resolve: () => void }>();
  let published = 0;
  let applied = 0;
  let timer: NodeJS.Timeout | undefined;

  function applyDue(): void {
    timer = undefined;
    const now = performance.now();
    let count = 0;
    for (const { change, dueAt } of queue) {
      if (dueAt > now) break;
      change(world);
      count += 1;
    }
    queue.splice(0, count);
    applied += count;
    for (const waiter of waiting) if (waiter.until <= applied) waiter.resolve();
    schedule();
  }

  function schedule(): void {
    const [next] = queue;
    if (!next || timer) return;
    timer = setTimeout(applyDue, Math.max(0, next.dueAt - performance.now()));
    timer.unref();
  }

  return {
    world,
    publish(change: Change): void {
      published += 1;
      if (delayMs === 0) {
        change(world);
        applied += 1;
        return;
      }
      queue.push({ change, dueAt: performance.now() + delayMs });
      schedule();
    },
    /**
     * Resolves `true` once everything that was published before this call has arrived, `false` when that
     * takes longer than `timeoutMs` (`Infinity`: waits).
     */
    async caughtUp(timeoutMs: number): Promise<boolean> {
      if (applied >= published) return true;
      if (timeoutMs <= 0) return false;
      const { promise, resolve } = Promise.withResolvers<boolean>();
      const waiter = { until: published, resolve: () => resolve(true) };
      waiting.add(waiter);
      const limit = Number.isFinite(timeoutMs)
        ? setTimeout(() => resolve(false), Math.min(timeoutMs, LONGEST_TIMER_MS))
        : undefined;
      try {
        return await promise;
      } finally {
        clearTimeout(limit);
        waiting.delete(waiter);
      }
    },
    /** Everything arrives at once: a decision point that starts loads the whole world first. */
    settle(): void {
      for (const { change } of queue.splice(0)) {
        change(world);
        applied += 1;
      }
      for (const waiter of waiting) if (waiter.until <= applied) waiter.resolve();
    },
    pending: (): number => queue.length,
    close(): void {
      clearTimeout(timer);
      queue.length = 0;
      for (const waiter of waiting) waiter.resolve();
    },
  };
}
