import type { DirectoryFailure } from './ports.ts';

/**
 * A call to the directory failed. Which kind decides what the worker does: `refused-key` pauses the inbox,
 * `refused-input` buries the letter, the other two are tried again.
 *
 * Carries neither the vendor's error nor its request: those print the API key.
 */
export class DirectoryError extends Error {
  readonly kind: DirectoryFailure;
  readonly status: number | undefined;
  /** What the vendor calls it, e.g. `DUPLICATE_ENTITY`; never shown to a client. */
  readonly code: string | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(
    kind: DirectoryFailure,
    message: string,
    details: { status?: number; code?: string; retryAfterMs?: number } = {},
  ) {
    super(message);
    this.name = 'DirectoryError';
    this.kind = kind;
    this.status = details.status;
    this.code = details.code;
    this.retryAfterMs = details.retryAfterMs;
  }
}
