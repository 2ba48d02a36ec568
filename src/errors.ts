/**
 * Every failure a client can see, as typed errors: `status` and `code` are API, `message` is for people who
 * read logs, `cause` is what really happened and never leaves the process.
 *
 * The answers are RFC 9457 problem documents; `problemDetails()` of the http room writes them.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9457
 */
export type Fault = { path: string; message: string };

export type ProblemOptions = {
  cause?: unknown;
  /** Shown to the client: our own words only, never a vendor's message. */
  detail?: string;
  headers?: Record<string, string>;
  errors?: Fault[];
};

export class ProblemError extends Error {
  readonly status: number;
  readonly code: string;
  readonly title: string;
  readonly detail: string | undefined;
  readonly headers: Record<string, string>;
  readonly errors: Fault[] | undefined;

  constructor(status: number, code: string, title: string, message: string, options: ProblemOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.status = status;
    this.code = code;
    this.title = title;
    this.detail = options.detail;
    this.headers = options.headers ?? {};
    this.errors = options.errors;
  }
}

const REALM = 'Bearer realm="api"';

/** 401: nobody said who they are. RFC 6750 §3: no error code when no credentials were sent. */
export class Unauthenticated extends ProblemError {
  constructor(message = 'no credentials') {
    super(401, 'unauthenticated', 'Authentication required', message, {
      headers: { 'WWW-Authenticate': REALM },
    });
  }
}

/** 401: a token was sent and is no good. The reason goes to the log (`message`, `cause`) only. */
export class InvalidToken extends ProblemError {
  constructor(
    message: string,
    options: { cause?: unknown; description?: 'expired' | 'invalid'; hint?: string } = {},
  ) {
    const description = options.hint ?? options.description ?? 'invalid';
    super(401, 'invalid_token', 'Invalid access token', message, {
      cause: options.cause,
      ...(options.hint ? { detail: options.hint } : {}),
      headers: { 'WWW-Authenticate': `${REALM}, error="invalid_token", error_description="${description}"` },
    });
  }
}

/** 400: the credentials are sent in a way that no client should (RFC 6750 §3.1). */
export class InvalidRequest extends ProblemError {
  constructor(message: string, options: { detail?: string } = {}) {
    super(400, 'invalid_request', 'Malformed credentials', message, {
      ...options,
      headers: { 'WWW-Authenticate': `${REALM}, error="invalid_request"` },
    });
  }
}

/** 403: the token lacks a scope that the route asks for. */
export class InsufficientScope extends ProblemError {
  constructor(scopes: readonly string[]) {
    super(403, 'insufficient_scope', 'Insufficient scope', `needs ${scopes.join(' ')}`, {
      headers: { 'WWW-Authenticate': `${REALM}, error="insufficient_scope", scope="${scopes.join(' ')}"` },
    });
  }
}

/** 403, whatever the reason: the body never tells a missing grant from a missing object. */
export class PermissionDenied extends ProblemError {
  constructor(message = 'denied', options: { cause?: unknown } = {}) {
    super(403, 'permission_denied', 'Permission denied', message, options);
  }
}

const FAULTS_TOLD = 20;

/**
 * 400: body, query or path parameter is not what the route takes; `errors` lists the first twenty problems, and
 * how many more there are. The log gets no paths: the caller may have made up the names in them.
 */
export class InvalidInput extends ProblemError {
  constructor(errors: Fault[], options: { cause?: unknown; detail?: string } = {}) {
    const told = errors.slice(0, FAULTS_TOLD);
    const more = errors.length - told.length;
    if (more > 0) told.push({ path: '', message: `and ${more} more` });
    const rules = new Set(told.map(({ message }) => message));
    super(400, 'invalid_input', 'Invalid input', [...rules].join('; '), { ...options, errors: told });
  }
}

/** 404: no such route. Missing objects are 403 (see {@link PermissionDenied}). */
export class NotFound extends ProblemError {
  constructor(message = 'no such route') {
    super(404, 'not_found', 'Not found', message);
  }
}

/** 405, with the methods that the path does take. */
export class MethodNotAllowed extends ProblemError {
  constructor(allow: readonly string[]) {
    super(405, 'method_not_allowed', 'Method not allowed', 'method not allowed', {
      headers: { Allow: allow.join(', ') },
    });
  }
}

/** 409: an `Idempotency-Key` was used before for another request, or the object moved under the caller. */
export class Conflict extends ProblemError {
  constructor(message: string, options: { detail?: string } = {}) {
    super(409, 'conflict', 'Conflict', message, options);
  }
}

/** 408: the body came too slowly. */
export class RequestTimeout extends ProblemError {
  constructor(message = 'request timeout') {
    super(408, 'request_timeout', 'Request timeout', message, { headers: { Connection: 'close' } });
  }
}

/** 413. */
export class PayloadTooLarge extends ProblemError {
  constructor(message = 'body too large') {
    super(413, 'payload_too_large', 'Payload too large', message);
  }
}

/** 415: content type, charset or content encoding that the route does not take. */
export class UnsupportedMediaType extends ProblemError {
  constructor(message = 'unsupported media type', options: { detail?: string } = {}) {
    super(415, 'unsupported_media_type', 'Unsupported media type', message, options);
  }
}

/** 429. */
export class RateLimited extends ProblemError {
  constructor(retryAfterSeconds: number) {
    super(429, 'rate_limited', 'Too many requests', 'rate limited', {
      headers: { 'Retry-After': String(Math.max(1, Math.ceil(retryAfterSeconds))) },
    });
  }
}

/** Which dependency failed; written to logs and metrics, never to the client. */
export type Upstream = 'logto' | 'permit' | 'database' | 'revocation';

/**
 * 503: a dependency is unusable, which is nobody's fault. Never 401 (clients would drop good tokens), never
 * 403 (it would hide the outage).
 */
export class UpstreamUnavailable extends ProblemError {
  readonly upstream: Upstream;
  /** Finer than `code`, for logs and alarms: `permit_key_refused`, `permit_question_refused`, `timeout` … */
  readonly logCode: string;
  constructor(
    upstream: Upstream,
    message: string,
    options: { cause?: unknown; retryAfterSeconds?: number; logCode?: string } = {},
  ) {
    super(503, 'upstream_unavailable', 'Service unavailable', `${upstream}: ${message}`, {
      cause: options.cause,
      headers: { 'Retry-After': String(Math.max(1, Math.ceil(options.retryAfterSeconds ?? 1))) },
    });
    this.upstream = upstream;
    this.logCode = options.logCode ?? `${upstream}_unavailable`;
  }
}

/** 401: a webhook whose signature is missing or wrong; no hint which part. */
export class WebhookRejected extends ProblemError {
  constructor(message: string) {
    super(401, 'webhook_rejected', 'Webhook rejected', message);
  }
}

/** 400: signed, but older or newer than the window. */
export class WebhookStale extends ProblemError {
  constructor(message: string) {
    super(400, 'webhook_stale', 'Webhook outside its time window', message);
  }
}

/** Thrown while things are put together, never on a request; `problems` lists every mistake with its mend. */
export class ConfigurationError extends Error {
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(`Configuration is not usable:\n${problems.map((p) => `  - ${p}`).join('\n')}`);
    this.name = 'ConfigurationError';
    this.problems = problems;
  }
}
