/**
 * What a handler of the inbox says when it cannot finish. Any other error counts as {@link RetryLater}.
 */

/** These letters will never go through: they become dead letters, with the reason, and are not tried again. */
export class BuryLetters extends Error {
  /** Only these; without it every letter that the handler was given. */
  readonly letterIds: readonly string[] | undefined;
  constructor(reason: string, options: { cause?: unknown; letterIds?: readonly string[] } = {}) {
    super(reason, { cause: options.cause });
    this.name = 'BuryLetters';
    this.letterIds = options.letterIds;
  }
}

/** Not now. Tried again after a growing pause, never earlier than `afterMs` (a `Retry-After`, say). */
export class RetryLater extends Error {
  readonly afterMs: number | undefined;
  constructor(cause: unknown, options: { afterMs?: number } = {}) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.name = 'RetryLater';
    this.afterMs = options.afterMs;
  }
}

/**
 * Nothing will go through, and it is our own fault (a wrong key): the whole inbox pauses, on every instance,
 * no try is counted and nothing is buried. One subject at a time is let through as a probe; the first that
 * succeeds opens the inbox again.
 */
export class PauseInbox extends Error {
  constructor(reason: string, options: { cause?: unknown } = {}) {
    super(reason, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'PauseInbox';
  }
}
