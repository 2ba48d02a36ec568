/** A delivery as it was stored: the sender's own words, which are never changed. */
export type Letter = {
  /** Increases with the order of arrival. */
  id: string;
  event: string;
  /** When the sender wrote it. */
  createdAt: Date;
  receivedAt: Date;
  payload: unknown;
  /** Whom it speaks of: `user:<id>`, `organization:<id>`, `roles` … */
  subjects: string[];
};

/**
 * `open`: waits or is being worked. `done`: every subject of it was worked. `ignored`: stored, not for us.
 * `dead`: given up, waits for a person. `dropped`: a person gave it up.
 */
export type LetterStatus = 'open' | 'done' | 'ignored' | 'dead' | 'dropped';

/** A letter as an operator sees it. */
export type LetterRecord = Omit<Letter, 'payload'> & {
  status: LetterStatus;
  /** Tries so far, of the subject that was tried most often. */
  attempts: number;
  /** Why it is dead or ignored, or what went wrong last. */
  reason: string | null;
  nextTryAt: Date | null;
  settledAt: Date | null;
};

/** One piece of work: a subject, under a lease, with everything that is open about it. */
export type SubjectWork = {
  subject: string;
  /** Oldest `createdAt` first. Empty when somebody `touch`ed the subject. */
  letters: Letter[];
  /** Grows with every lease of any subject: a store that refuses a lower one than it has seen refuses late writers. */
  fence: number;
  /** 1 on the first try. */
  attempt: number;
  /** Whether this piece of work still holds the subject; ask before a write that cannot be fenced. */
  holdsLease(): Promise<boolean>;
  /** Aborted when the lease is lost or the inbox stops. */
  signal: AbortSignal;
};
