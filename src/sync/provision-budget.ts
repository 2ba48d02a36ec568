import type { Clock } from '../clock.ts';

/**
 * Keeps a flood of unknown subjects from becoming a flood of calls: a bucket of tokens over all of them, and a
 * memory of those who were turned away.
 */
export function createProvisionBudget(options: {
  clock: Clock;
  perSecond?: number;
  burst?: number;
  forgetAfterMs?: number;
  remembered?: number;
}) {
  const { clock, perSecond = 10, burst = 20, forgetAfterMs = 60_000, remembered = 10_000 } = options;
  const refused = new Map<string, number>();
  let tokens = burst;
  let filledAtMs = clock.now();

  return {
    isRefused(sub: string): boolean {
      const untilMs = refused.get(sub);
      if (untilMs === undefined) return false;
      if (untilMs > clock.now()) return true;
      refused.delete(sub);
      return false;
    },
    refuse(sub: string): void {
      refused.delete(sub);
      refused.set(sub, clock.now() + forgetAfterMs);
      const [oldest] = refused.keys();
      if (refused.size > remembered && oldest !== undefined) refused.delete(oldest);
    },
    take(): boolean {
      const now = clock.now();
      tokens = Math.min(burst, tokens + Math.max(0, ((now - filledAtMs) / 1000) * perSecond));
      filledAtMs = now;
      if (tokens < 1) return false;
      tokens -= 1;
      return true;
    },
  };
}
