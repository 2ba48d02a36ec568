import { setTimeout as wait } from 'node:timers/promises';

/** Waits for a condition, and says so when it does not come true in time. */
export async function until(condition: () => boolean | Promise<boolean>, timeoutMs = 20_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not true within ${timeoutMs} ms: ${condition}`);
    await wait(10);
  }
}
