import { setImmediate } from 'node:timers';
import { UpstreamUnavailable } from '../errors.ts';
import { isBackground } from './background.ts';

/** So many go ahead of waiting background work before one of it has its turn: overtaken, never starved. */
const AHEAD = 3;

/**
 * One at a time, for a database that has one connection: first come first served, and ahead of what runs
 * `inBackground`. Each turn of the latter begins in a new round of the event loop: the embedded database works on
 * this thread, and without that a row of workers would keep it until none of them had a statement left.
 *
 * @param options.waitMs how long a caller may stand in the queue; a statement that waits for the transaction it
 *   was sent from would otherwise wait for ever.
 * @returns runs `work` when its turn has come; throws `UpstreamUnavailable('database')` when that takes too long.
 */
export function createTurns(options: { waitMs: number }): <T>(work: () => Promise<T>) => Promise<T> {
  type Waiting = { start: () => void; timer: NodeJS.Timeout };
  const requests: Waiting[] = [];
  const background: Waiting[] = [];
  let ahead = 0;
  let busy = false;

  const overtakes = () => requests.length > 0 && (ahead < AHEAD || background.length === 0);

  function grant(): void {
    const overtaking = overtakes();
    ahead = overtaking && background.length > 0 ? ahead + 1 : 0;
    const chosen = overtaking ? requests.shift() : background.shift();
    if (!chosen) {
      busy = false;
      return;
    }
    clearTimeout(chosen.timer);
    chosen.start();
  }

  function next(): void {
    if (background.length > 0 && !overtakes()) setImmediate(grant);
    else grant();
  }

  function turn(): Promise<void> | undefined {
    const waiting = isBackground() ? background : requests;
    if (!busy) {
      busy = true;
      if (waiting === requests) return undefined;
      setImmediate(grant);
    }
    return new Promise<void>((resolve, reject) => {
      const entry: Waiting = {
        start: resolve,
        timer: setTimeout(() => {
          waiting.splice(waiting.indexOf(entry), 1);
          reject(
            new UpstreamUnavailable(
              'database',
              `no turn within ${options.waitMs} ms; was it used inside its own transaction?`,
            ),
          );
        }, options.waitMs),
      };
      entry.timer.unref();
      waiting.push(entry);
    });
  }

  return async (work) => {
    await turn();
    try {
      return await work();
    } finally {
      next();
    }
  };
}
