import type { Logger } from 'pino';
import type { IdentitySource } from './ports.ts';

/** Takes the exact body of a delivery that failed; resolves to what became of it. */
export type ReplayDelivery = (delivery: { body: string }) => Promise<unknown>;

/**
 * Logto keeps for a day what it could not deliver, and never tries again. Each of them goes into the inbox as if
 * it had come; the inbox knows the ones it has already.
 */
export async function replayFailedDeliveries(options: {
  identities: IdentitySource;
  replayDelivery: ReplayDelivery | undefined;
  sinceMs: number;
  log: Logger;
}): Promise<number> {
  const { identities, replayDelivery, sinceMs, log } = options;
  if (!replayDelivery) return 0;
  let replayed = 0;
  for (const hook of await identities.hooks()) {
    for (const { id, body } of await identities.failedDeliveries(hook.id, sinceMs)) {
      try {
        const outcome = await replayDelivery({ body });
        if (outcome !== 'duplicate') replayed += 1;
      } catch (error) {
        // One body that cannot be read must not end the reconcile; the sync above has mended its effect.
        log.warn({ err: error, delivery: id }, 'a failed delivery could not be replayed');
      }
    }
  }
  return replayed;
}
