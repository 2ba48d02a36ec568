import { setTimeout as delay } from 'node:timers/promises';
import type { Progress } from './census.ts';
import type { Refusal } from './reconcile-report.ts';
import type { SyncInbox } from './sync.ts';

const LOOK_EVERY_MS = 250;

/** What a reconcile left to its workers, after they have tried it. */
export type HandedOver = {
  /** Nobody has tried these yet: the inbox is paused or stopping. */
  waiting: number;
  paused?: string;
  failed: number;
  /** The first of those that failed; they are tried again, by their worker or the next reconcile. */
  failures: Refusal[];
};

/**
 * Waits until every subject touched since then was tried once. How long that takes is Permit's matter, so there is no
 * deadline; it ends when nothing works any more.
 */
export async function waitForHandedOver(options: {
  inbox: Pick<SyncInbox, 'touchedSince'>;
  sinceMs: number;
  isWorking(): boolean;
  progress: Progress;
}): Promise<HandedOver> {
  const { inbox, sinceMs, isWorking, progress } = options;
  let most = 0;
  let last = -1;
  for (;;) {
    const found = await inbox.touchedSince(sinceMs);
    most = Math.max(most, found.waiting);
    if (most > 0 && found.waiting !== last) {
      await progress({ phase: 'work', done: most - found.waiting, total: most });
    }
    last = found.waiting;
    if (found.waiting === 0 || found.paused !== undefined || !isWorking()) return found;
    await delay(LOOK_EVERY_MS);
  }
}
