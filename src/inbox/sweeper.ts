import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';
import { inBackground } from '../database/background.ts';
import type { Database } from '../database/database.ts';
import type { createPause } from './pause.ts';

const EVERY_MS = 2_000;
/** A letter this young is on its way as a job. */
const GRACE_MS = 5_000;
const MOST_AT_ONCE = 200;

/**
 * Finds what is due and in nobody's hands: tries whose pause is over, and whatever a process that died had
 * taken. The queue is a wake-up; the tables are the truth.
 */
export function createSweeper(options: {
  database: Database;
  clock: Clock;
  log: Logger;
  pause: ReturnType<typeof createPause>;
  /** Takes a subject in hand; resolves when there was room for it, to `false` when nothing is taken any more. */
  admit(subject: string, urgent: boolean): Promise<boolean>;
  /** Tries one subject although the inbox is paused. */
  probe(subject: string): Promise<unknown>;
}) {
  const { database, clock, log, pause, admit, probe } = options;
  let timer: NodeJS.Timeout | undefined;
  let sweeping: Promise<number> | undefined;
  let trouble = false;

  async function due(graceMs: number, limit: number): Promise<{ subject: string; urgent: boolean }[]> {
    const { rows } = await database.query<{ subject: string; urgent: boolean }>(DUE, [
      new Date(clock.now()),
      new Date(clock.now() - graceMs),
      limit,
    ]);
    return rows;
  }

  async function sweep(graceMs: number): Promise<number> {
    const paused = await pause.current();
    if (paused) {
      if (paused.manual || !(await pause.claimProbe())) return 0;
      const [first] = await due(0, 1);
      if (!first) {
        // Nothing to try it with, so nothing can go wrong either.
        await pause.resume({ byProbe: true });
        return 0;
      }
      await probe(first.subject);
      return 1;
    }
    let found = 0;
    // A backlog takes minutes: a pause in the middle of it ends the round, so that the next one can probe.
    while (!(await pause.current())) {
      const subjects = await due(graceMs, MOST_AT_ONCE);
      for (const { subject, urgent } of subjects) {
        if (!(await admit(subject, urgent))) return found;
      }
      found += subjects.length;
      // A full page means that there is more, unless it is the same page because nothing gets done.
      if (subjects.length < MOST_AT_ONCE || found >= 50 * MOST_AT_ONCE) break;
    }
    return found;
  }

  const once = (graceMs: number): Promise<number> => {
    sweeping ??= inBackground(() => sweep(graceMs)).finally(() => {
      sweeping = undefined;
    });
    return sweeping;
  };

  return {
    /** Looks now; resolves to how many subjects it has put to work. */
    async now({ graceMs = 0 } = {}): Promise<number> {
      // One that is under way may have looked with more patience, or too early.
      await sweeping?.catch(() => undefined);
      return once(graceMs);
    },
    start(): void {
      timer = setInterval(() => {
        if (sweeping) return;
        once(GRACE_MS).then(
          () => {
            trouble = false;
          },
          (error: unknown) => {
            if (!trouble) log.warn({ err: error }, 'inbox: cannot look for due letters');
            trouble = true;
          },
        );
      }, EVERY_MS);
      timer.unref();
    },
    async stop(): Promise<void> {
      clearInterval(timer);
      await sweeping?.catch(() => undefined);
    },
  };
}

const DUE = 'SELECT subject, urgent FROM elp.due_subjects($1, $2, $3)';
