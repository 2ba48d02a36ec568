import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';
import { backoffMs, MAX_TRIES } from './backoff.ts';
import type { SubjectWork } from './letter.ts';
import { BuryLetters, PauseInbox, RetryLater } from './outcome.ts';
import type { createPause } from './pause.ts';
import {
  type createSubjectLeases,
  MOST_LETTERS,
  type OpenLetter,
  type SubjectLease,
  type TouchVerdict,
  type Verdict,
} from './subject-lease.ts';

export type Settled = (result: 'done' | 'dead' | 'retry', letter: OpenLetter) => void;

/**
 * Works one subject: takes its lease, hands everything open to the handler, stores what came of it, and looks
 * again when something arrived meanwhile.
 */
export function createSubjectDesk(options: {
  leases: ReturnType<typeof createSubjectLeases>;
  pause: ReturnType<typeof createPause>;
  handle(work: SubjectWork): Promise<void>;
  onSettled: Settled;
  stopping: AbortSignal;
  leaseMs: number;
  clock: Clock;
  log: Logger;
}) {
  const { leases, pause, handle, onSettled, stopping, leaseMs, clock, log } = options;

  /** Keeps the lease while `work` runs; the signal tells when that did not succeed. */
  async function underLease<T>(lease: SubjectLease, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const lost = new AbortController();
    const timer = setInterval(() => {
      leases.renew(lease).then(
        (held) => held || lost.abort(new Error('the lease was lost')),
        // The database is away; the lease may outlive that, and the settling asks anyway.
        (error: unknown) => log.warn({ err: error, subject: lease.subject }, 'inbox: lease not renewed'),
      );
    }, leaseMs / 3);
    timer.unref();
    try {
      return await work(AbortSignal.any([stopping, lost.signal]));
    } finally {
      clearInterval(timer);
    }
  }

  async function outcomeOf(lease: SubjectLease): Promise<unknown> {
    const tries = [...lease.letters.filter((l) => l.due).map((l) => l.attempts), lease.touch?.attempts ?? 0];
    try {
      await underLease(lease, (signal) =>
        handle({
          subject: lease.subject,
          letters: lease.letters.map(({ attempts: _a, due: _d, ...letter }) => letter),
          fence: lease.fence,
          attempt: 1 + Math.max(...tries),
          holdsLease: () => leases.holds(lease),
          signal,
        }),
      );
      return undefined;
    } catch (error) {
      return error ?? new Error('rejected with nothing');
    }
  }

  function verdictOf(letter: OpenLetter, outcome: unknown): Verdict {
    const verdict: Verdict = { id: letter.id, state: 'open', reason: null, nextTryAt: null, tries: 0 };
    if (outcome === undefined) return { ...verdict, state: 'done', tries: 1 };
    const reason = reasonOf(outcome);
    if (outcome instanceof BuryLetters) {
      if (!outcome.letterIds || outcome.letterIds.includes(letter.id)) {
        return { ...verdict, state: 'dead', reason, tries: 1 };
      }
      // The others were held up by it, nothing more.
      return { ...verdict, nextTryAt: new Date(clock.now()) };
    }
    // A letter that is not due was only taken along; a pause or a stop is not the letter's fault.
    if (!letter.due || outcome instanceof PauseInbox || stopping.aborted) return { ...verdict, reason };
    const attempts = letter.attempts + 1;
    if (attempts >= MAX_TRIES) return { ...verdict, state: 'dead', reason, tries: 1 };
    const afterMs = outcome instanceof RetryLater ? outcome.afterMs : undefined;
    return {
      ...verdict,
      reason,
      tries: 1,
      nextTryAt: new Date(clock.now() + backoffMs(attempts, { afterMs })),
    };
  }

  function touchVerdictOf(lease: SubjectLease, outcome: unknown): TouchVerdict | undefined {
    const { touch } = lease;
    if (!touch) return undefined;
    if (outcome === undefined || outcome instanceof BuryLetters) {
      return { seen: touch.seen, done: true, attempts: 0, nextTryAt: null };
    }
    if (!touch.due || outcome instanceof PauseInbox || stopping.aborted) return undefined;
    const attempts = touch.attempts + 1;
    const afterMs = outcome instanceof RetryLater ? outcome.afterMs : undefined;
    // There is no letter to bury: it is given up, and reconcile will find what is missing.
    return attempts >= MAX_TRIES
      ? { seen: touch.seen, done: true, attempts: 0, nextTryAt: null }
      : {
          seen: touch.seen,
          done: false,
          attempts,
          nextTryAt: new Date(clock.now() + backoffMs(attempts, { afterMs })),
        };
  }

  /** For whoever touched it; written where something is to be told or taken back, so that the usual case costs nothing. */
  async function noteTouch(lease: SubjectLease, outcome: unknown): Promise<void> {
    if (outcome === undefined && !lease.touch?.attempts) return;
    await leases
      .noteTouch(lease, outcome === undefined ? null : reasonOf(outcome))
      .catch((error: unknown) => log.warn({ err: error, subject: lease.subject }, 'inbox: touch not noted'));
  }

  /** The handler's work is done; a database that is away for a moment must not make it be done again. */
  async function settle(lease: SubjectLease, verdicts: Verdict[], touch?: TouchVerdict) {
    const giveUpAt = performance.now() + leaseMs;
    for (;;) {
      try {
        return await leases.settle(lease, verdicts, touch);
      } catch (error) {
        if (performance.now() >= giveUpAt || stopping.aborted) throw error;
        log.warn({ err: error, subject: lease.subject }, 'inbox: not settled yet');
        await new Promise((resolve) => setTimeout(resolve, 500).unref());
      }
    }
  }

  /** One round: whether it had something to work, and whether there is more to do at once. */
  async function round(subject: string, probe: boolean): Promise<{ worked: boolean; again: boolean }> {
    const lease = await leases.acquire(subject);
    if (!lease) return { worked: false, again: false };
    const due = lease.letters.some((l) => l.due) || lease.touch?.due === true;
    const paused = !probe && (await pause.current()) !== undefined;
    if (!due || paused || stopping.aborted) {
      const settled = await settle(lease, []);
      return { worked: false, again: settled?.again === true && !paused && !stopping.aborted };
    }

    const outcome = await outcomeOf(lease).then((o) => (buriesNothingOf(o, lease) ? new RetryLater(o) : o));
    if (outcome instanceof PauseInbox) await pause.pause(outcome.message, false);
    if (outcome === undefined && probe) await pause.resume({ byProbe: true });
    const verdicts = lease.letters.map((letter) => verdictOf(letter, outcome));
    const touch = touchVerdictOf(lease, outcome);
    if (touch) await noteTouch(lease, outcome);
    const settled = await settle(lease, verdicts, touch);
    if (!settled) {
      log.warn({ subject, fence: lease.fence }, 'inbox: the lease was lost, nothing of this try counts');
      return { worked: true, again: false };
    }
    report(lease, verdicts, outcome);
    const more = outcome === undefined && lease.letters.length === MOST_LETTERS;
    const again = (settled.again || more || outcome instanceof BuryLetters) && !stopping.aborted;
    return { worked: true, again };
  }

  function report(lease: SubjectLease, verdicts: readonly Verdict[], outcome: unknown): void {
    verdicts.forEach((verdict, i) => {
      const letter = lease.letters[i];
      if (letter) onSettled(verdict.state === 'open' ? 'retry' : verdict.state, letter);
    });
    if (outcome === undefined) return;
    const dead = verdicts.filter((v) => v.state === 'dead').map((v) => v.id);
    log[dead.length > 0 ? 'error' : 'warn'](
      { err: outcome, subject: lease.subject, letters: lease.letters.map((l) => l.id), dead },
      dead.length > 0 ? 'inbox: dead letters' : 'inbox: to be tried again',
    );
  }

  return {
    /** Works the subject until nothing of it is due; whether anything was. Rejects only when the database is away. */
    async work(subject: string, { probe = false }: { probe?: boolean } = {}): Promise<boolean> {
      for (let worked = false; ; ) {
        const result = await round(subject, probe);
        worked ||= result.worked;
        if (!result.again) return worked;
      }
    },
  };
}

/** Names letters that it was not given: taken at its word it would be asked again for ever. */
function buriesNothingOf(outcome: unknown, { letters }: SubjectLease): boolean {
  if (!(outcome instanceof BuryLetters) || !outcome.letterIds) return false;
  const { letterIds } = outcome;
  return !letters.some((letter) => letterIds.includes(letter.id));
}

function reasonOf(outcome: unknown): string {
  const text = outcome instanceof Error ? outcome.message : String(outcome);
  return text.replaceAll('\0', '').slice(0, 500) || 'no reason given';
}
