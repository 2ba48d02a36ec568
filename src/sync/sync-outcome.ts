import { UpstreamUnavailable } from '../errors.ts';
import { BuryLetters, PauseInbox, RetryLater } from '../inbox/outcome.ts';
import { DirectoryError } from './directory-error.ts';

/**
 * What a failure means for the letters that were being worked: a wrong key of ours stops everything and loses
 * nothing, an item that can never go through is buried alone, everything else is tried again.
 */
export function outcomeOf(error: unknown): Error {
  if (error instanceof BuryLetters || error instanceof PauseInbox || error instanceof RetryLater)
    return error;
  if (error instanceof DirectoryError) {
    if (error.kind === 'refused-key')
      return new PauseInbox(`the directory refuses our key: ${error.message}`);
    // A user, tenant or role that is not there (yet) is planned again from the present state.
    if (error.kind === 'refused-input' && error.status !== 404) return new BuryLetters(error.message);
    return new RetryLater(error, error.retryAfterMs ? { afterMs: error.retryAfterMs } : {});
  }
  if (error instanceof UpstreamUnavailable && error.logCode === 'logto_key_refused') {
    return new PauseInbox(`Logto refuses our credentials: ${error.message}`);
  }
  if (error instanceof UpstreamUnavailable) {
    const seconds = Number(error.headers['Retry-After'] ?? 1);
    return new RetryLater(error, seconds > 1 ? { afterMs: seconds * 1000 } : {});
  }
  return error instanceof Error ? error : new RetryLater(error);
}
