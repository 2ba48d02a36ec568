import { randomUUID } from 'node:crypto';
import type { Clock } from '../clock.ts';
import type { Database } from '../database/database.ts';
import type { Letter } from './letter.ts';

/** More than this wait for the next round of the same subject. */
export const MOST_LETTERS = 100;

export type OpenLetter = Letter & { attempts: number; due: boolean };

export type SubjectLease = {
  subject: string;
  /** Of this lease alone; what is settled names it, so that a late writer settles nothing. */
  holder: string;
  fence: number;
  letters: OpenLetter[];
  /** Set when somebody touched the subject and it has not been worked since. */
  touch: { seen: string; attempts: number; due: boolean } | undefined;
};

export type Verdict = {
  id: string;
  state: 'open' | 'done' | 'dead';
  reason: string | null;
  nextTryAt: Date | null;
  /** 1 when this counts as a try. */
  tries: 0 | 1;
};

export type TouchVerdict = { seen: string; done: boolean; attempts: number; nextTryAt: Date | null };

type LeaseRow = {
  fence: string;
  touches: string;
  touched: boolean;
  touch_attempts: number;
  touch_due: boolean;
  id: string | null;
  event: string;
  created_at: Date;
  received_at: Date;
  body: string;
  attempts: number;
  due: boolean;
  subjects: string[];
};

/** The lease of one subject over all instances, and what is settled under it. */
export function createSubjectLeases(options: { database: Database; clock: Clock; leaseMs: number }) {
  const { database, clock, leaseMs } = options;
  const now = () => new Date(clock.now());
  const leaseEnd = () => new Date(clock.now() + leaseMs);

  return {
    /** `undefined` when somebody else has it; they are told to look again before they let go. */
    async acquire(subject: string): Promise<SubjectLease | undefined> {
      const holder = randomUUID();
      const { rows } = await database.query<LeaseRow>(
        'SELECT * FROM elp.acquire_subject($1, $2, $3, $4, $5)',
        [subject, holder, leaseEnd(), now(), MOST_LETTERS],
      );
      const first = rows[0];
      if (!first) return undefined;
      const letters = rows
        .filter((row) => row.id !== null)
        .map((row) => ({
          id: row.id as string,
          event: row.event,
          createdAt: row.created_at,
          receivedAt: row.received_at,
          payload: payloadOf(row.body),
          subjects: row.subjects,
          attempts: row.attempts,
          due: row.due,
        }));
      const touch = first.touched
        ? { seen: first.touches, attempts: first.touch_attempts, due: first.touch_due }
        : undefined;
      return { subject, holder, fence: Number(first.fence), letters, touch };
    },

    /** False when another lease has taken the subject over. An overdue lease that nobody wanted lives on. */
    async renew(lease: SubjectLease): Promise<boolean> {
      const { rowCount } = await database.query(
        'UPDATE elp.subject SET lease_until = $3 WHERE subject = $1 AND holder = $2',
        [lease.subject, lease.holder, leaseEnd()],
      );
      return rowCount === 1;
    },

    /** What became of a touch, under the lease: the reason of a failure, `null` when it went well. */
    async noteTouch(lease: SubjectLease, reason: string | null): Promise<void> {
      await database.query(
        'UPDATE elp.subject SET touch_failed_at = $3, touch_reason = $4 WHERE subject = $1 AND holder = $2',
        [lease.subject, lease.holder, reason === null ? null : now(), reason],
      );
    },

    async holds(lease: SubjectLease): Promise<boolean> {
      const { rowCount } = await database.query(
        'SELECT 1 FROM elp.subject WHERE subject = $1 AND holder = $2 AND lease_until > $3',
        [lease.subject, lease.holder, now()],
      );
      return rowCount === 1;
    },

    /**
     * Stores what came of it and lets the subject go, in one statement. Under a lost lease it changes nothing
     * and returns `undefined`. `again`: something arrived meanwhile.
     */
    async settle(
      lease: SubjectLease,
      verdicts: readonly Verdict[],
      touch?: TouchVerdict,
    ): Promise<{ again: boolean } | undefined> {
      const { rows } = await database.query<{ again: boolean | null }>(SETTLE, [
        lease.subject,
        lease.holder,
        JSON.stringify(
          verdicts.map((v) => ({
            id: v.id,
            state: v.state,
            reason: v.reason,
            next_try_at: v.nextTryAt,
            tries: v.tries,
          })),
        ),
        now(),
        touch ? touch.seen : '0',
        touch?.done ?? false,
        touch?.attempts ?? 0,
        touch?.nextTryAt ?? null,
      ]);
      const again = rows[0]?.again;
      return typeof again === 'boolean' ? { again } : undefined;
    },
  };
}

function payloadOf(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

const SETTLE = 'SELECT elp.settle_subject($1, $2, $3, $4, $5, $6, $7, $8) AS again';
