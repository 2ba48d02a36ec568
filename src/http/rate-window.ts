import { RateLimiterMemory } from 'rate-limiter-flexible';
import type { Clock } from '../clock.ts';

export const WINDOW_SECONDS = 60;

/** Requests of this process in one window that the other instances have not heard of yet. */
export type Unshared = { window: number; counts: ReadonlyMap<string, number> };

export type RateWindow = {
  /** Counts one request. @returns Seconds to wait, or 0 when it may pass. */
  take(key: string): Promise<number>;
  /** Seconds to wait for somebody whose share is used up, without counting anything; 0 when it is not. */
  waitSecondsFor(key: string): Promise<number>;
  /** What was counted here since the last call. */
  unshared(): Unshared;
  /** Adds what others have counted. */
  addForeign(window: number, key: string, count: number): Promise<void>;
};

/**
 * Counts requests by key in windows of one minute that start at the same moment on every instance, in memory.
 *
 * @param options.points How many requests a key has in a window.
 */
export function createRateWindow({ points, clock }: { points: number; clock: Clock }): RateWindow {
  // The window is part of the key; twice its length only says when the library may forget it.
  const limiter = new RateLimiterMemory({ points, duration: 2 * WINDOW_SECONDS });
  let counted: { window: number; counts: Map<string, number> } = { window: 0, counts: new Map() };

  const windowNow = () => Math.floor(clock.now() / (1_000 * WINDOW_SECONDS));
  const secondsLeft = () => Math.max(1, Math.ceil((windowNow() + 1) * WINDOW_SECONDS - clock.now() / 1_000));

  return {
    async take(key) {
      const window = windowNow();
      if (counted.window !== window) counted = { window, counts: new Map() };
      counted.counts.set(key, (counted.counts.get(key) ?? 0) + 1);
      try {
        await limiter.consume(`${window}:${key}`);
        return 0;
      } catch {
        // The library rejects with its own record, which knows nothing of our windows.
        return secondsLeft();
      }
    },
    async waitSecondsFor(key) {
      const used = await limiter.get(`${windowNow()}:${key}`);
      return used && used.consumedPoints >= points ? secondsLeft() : 0;
    },
    unshared() {
      const { window, counts } = counted;
      counted = { window, counts: new Map() };
      return { window, counts };
    },
    async addForeign(window, key, count) {
      if (count > 0) await limiter.penalty(`${window}:${key}`, count);
    },
  };
}
