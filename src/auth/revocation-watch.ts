import type { Logger } from 'pino';
import type { Database } from '../database/database.ts';
import { REVOCATION_CHANNEL, type Revocation, type RevocationStore } from './revocation-store.ts';

const POLL_WHILE_DEAF_MS = 500;
/** A connection can die without a word: look by ourselves as well. Well below the five seconds of staleness. */
const POLL_WHILE_LISTENING_MS = 1_000;
const REMOVE_OLD_EVERY_MS = 6 * 3_600_000;

export type RevocationWatchOptions = {
  database: Pick<Database, 'listen'>;
  changedSince: RevocationStore['changedSince'];
  removeOld: () => Promise<void>;
  log: Logger;
  uptimeMs: () => number;
  /** `silent` for the first load: nobody needs to hear of what was revoked before this process lived. */
  learn: (revocations: readonly Revocation[], options: { silent: boolean }) => void;
};

/** Keeps one instance's knowledge of revocations fresh: by notices, and by polling when there are none. */
export function createRevocationWatch(options: RevocationWatchOptions) {
  const { database, changedSince, removeOld, log, uptimeMs, learn } = options;
  let confirmedAtMs = Number.NEGATIVE_INFINITY;
  let readAt: Date | undefined;
  let removedOldAtMs = Number.NEGATIVE_INFINITY;
  let running = false;
  let listening = false;
  let timer: NodeJS.Timeout | undefined;
  let looking: Promise<void> | undefined;
  let reading: Promise<void> | undefined;
  let readAgain = false;
  let unlisten: (() => Promise<void>) | undefined;

  /** One read at a time; a notice during a read causes one more, since that read may have been too early. */
  function refresh(): Promise<void> {
    if (reading) readAgain = true;
    reading ??= readUntilQuiet().finally(() => {
      reading = undefined;
      schedule();
    });
    return reading;
  }

  async function readUntilQuiet(): Promise<void> {
    do {
      readAgain = false;
      await readOnce();
    } while (readAgain && running);
  }

  async function readOnce(): Promise<void> {
    const startedAtMs = uptimeMs();
    try {
      const changed = await changedSince(readAt);
      learn(changed.revocations, { silent: readAt === undefined });
      readAt = changed.readAt;
      confirmedAtMs = startedAtMs;
      if (startedAtMs - removedOldAtMs >= REMOVE_OLD_EVERY_MS) {
        removedOldAtMs = startedAtMs;
        await removeOld();
      }
    } catch (err) {
      log.warn({ err, ageMs: uptimeMs() - confirmedAtMs }, 'revocations cannot be read');
    }
  }

  function schedule(): void {
    clearTimeout(timer);
    if (!running) return;
    timer = setTimeout(
      () => {
        looking = look();
      },
      listening ? POLL_WHILE_LISTENING_MS : POLL_WHILE_DEAF_MS,
    );
    timer.unref();
  }

  async function look(): Promise<void> {
    // Only when the very first attempt failed; a listener that once stood comes back by itself.
    if (!unlisten) await listen();
    await refresh();
  }

  async function listen(): Promise<void> {
    try {
      unlisten = await database.listen(
        REVOCATION_CHANNEL,
        () => void refresh(),
        (state) => {
          listening = state;
          void refresh();
        },
      );
    } catch (err) {
      log.warn({ err }, 'revocations are polled: cannot listen');
    }
  }

  return {
    /** How old the state in memory is; infinite before the first read. */
    ageMs: () => uptimeMs() - confirmedAtMs,
    async start(): Promise<void> {
      running = true;
      looking = look();
      await looking;
    },
    async stop(): Promise<void> {
      running = false;
      clearTimeout(timer);
      await looking;
      await unlisten?.();
      await reading;
    },
  };
}
