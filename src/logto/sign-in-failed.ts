import { ProblemError, UpstreamUnavailable } from '../errors.ts';
import { plainCauseOf } from './plain-cause.ts';

/** Why a sign-in came to nothing, as the visitor is told; the cause goes to the log. */
export type SignInFailure = 'cancelled' | 'not_pending' | 'refused' | 'insecure';

const DETAIL: Record<SignInFailure, string> = {
  cancelled: 'The sign-in was cancelled.',
  not_pending: 'This sign-in was already used, has expired, or was begun in another browser.',
  refused: 'The sign-in could not be completed.',
  insecure: 'Signing in works over https only.',
};

/** 400: the visitor is not signed in and may try again. */
export class SignInFailed extends ProblemError {
  constructor(failure: SignInFailure, options: { cause?: unknown } = {}) {
    super(400, 'sign_in_failed', 'Sign-in failed', `sign-in ${failure}`, {
      ...options,
      detail: DETAIL[failure],
    });
  }
}

/** 400: not a logout token of our tenant for this application, or one that was used before. */
export class LogoutTokenRejected extends ProblemError {
  constructor(message: string, options: { cause?: unknown } = {}) {
    super(400, 'invalid_logout_token', 'Invalid logout token', message, options);
  }
}

type VendorError = {
  name?: unknown;
  code?: unknown;
  cause?: { status?: unknown };
  data?: { error?: unknown };
};

/** OAuth errors that the server answers for its own trouble, not for the visitor's. */
const SERVER_TROUBLE = new Set(['server_error', 'temporarily_unavailable']);
/** jose's codes for a key set that could not be had; its other codes speak of the token. */
const NO_KEY_SET = new Set(['ERR_JWKS_TIMEOUT', 'ERR_JWKS_INVALID', 'ERR_JOSE_GENERIC']);

/**
 * What to answer when the SDK throws on the call-back: 400 for what the visitor or the browser did, 503 for
 * trouble at Logto or on the way there, and for our own credentials being refused. Unknown errors are 503.
 */
export function signInFailureOf(error: unknown): ProblemError {
  if (error instanceof ProblemError) return error;
  const { name, code, cause, data } = error as VendorError;
  const text = String(code);
  if (name === 'LogtoError' && text === 'callback_uri_verification.error_found') {
    const reason = String(data?.error);
    if (SERVER_TROUBLE.has(reason)) return outage(error);
    return new SignInFailed(reason === 'access_denied' ? 'cancelled' : 'refused', {
      cause: plainCauseOf(error),
    });
  }
  const refused =
    (name === 'LogtoError' && text !== 'unexpected_response_error') ||
    (name === 'LogtoRequestError' && Number(cause?.status) === 400) ||
    (text.startsWith('ERR_J') && !NO_KEY_SET.has(text));
  return refused ? new SignInFailed('refused', { cause: plainCauseOf(error) }) : outage(error);
}

const outage = (cause: unknown) =>
  new UpstreamUnavailable('logto', 'sign-in could not be completed', { cause });
