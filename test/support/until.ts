import { setTimeout as wait } from 'node:timers/promises';

/**
 * Asks until the answer is something. The deadline is generous, machines are busy; a test whose subject is the time
 * names its own.
 *
 * @returns what the probe answered.
 */
export async function until<T>(
  probe: () => T | undefined | false | Promise<T | undefined | false>,
  timeoutMs = 20_000,
): Promise<T> {
  const giveUpAt = performance.now() + timeoutMs;
  for (;;) {
    const found = await probe();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > giveUpAt) throw new Error(`not within ${timeoutMs} ms: ${probe}`);
    await wait(5);
  }
}
