import { UpstreamUnavailable } from '../errors.ts';
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

/** Whether this one can never go through, while others can. */
export const isRefusedInput = (error: unknown): error is DirectoryError =>
  error instanceof DirectoryError && error.kind === 'refused-input';

const LOG_CODES: Readonly<Record<DirectoryFailure, string>> = {
  unavailable: 'permit_unavailable',
  'rate-limited': 'permit_rate_limited',
  'refused-key': 'permit_key_refused',
  'refused-input': 'permit_question_refused',
};

/** The directory's failures as what they are to a request: an outage, our own wrong key included. */
export function asOutage(error: unknown): unknown {
  if (!(error instanceof DirectoryError)) return error;
  return new UpstreamUnavailable('permit', error.message, {
    cause: error,
    logCode: LOG_CODES[error.kind],
    retryAfterSeconds: Math.ceil((error.retryAfterMs ?? 1_000) / 1_000),
  });
}
