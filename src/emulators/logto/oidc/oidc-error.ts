import type { ErrorRequestHandler } from 'express';

const MESSAGES: Record<string, string> = {
  access_denied: 'Access denied.',
  insufficient_scope: 'Token missing scope `{{scope}}`.',
  invalid_grant: 'Grant request is invalid.',
  invalid_redirect_uri: "`redirect_uri` did not match any of the client's registered `redirect_uris`.",
  invalid_request: 'Invalid request.',
  invalid_scope: 'Invalid scope: {{error_description}}.',
  invalid_target: 'Invalid resource indicator.',
  invalid_token: 'Invalid token provided.',
  unsupported_grant_type: 'Unsupported `grant_type` requested.',
  unsupported_response_type: 'Unsupported `response_type` requested.',
};

type Extra = { status?: number; scope?: string; headers?: Record<string, string>; iss?: string };

/** A refusal of an OIDC endpoint, with Logto's `code` and `message` beside the protocol's own members. */
export class OidcError extends Error {
  readonly status: number;
  readonly error: string;
  readonly description: string;
  readonly headers: Record<string, string>;
  readonly extra: Record<string, string>;

  constructor(error: string, description: string, { status = 400, headers = {}, ...extra }: Extra = {}) {
    super(`${error}: ${description}`);
    this.name = 'OidcError';
    this.status = status;
    this.error = error;
    this.description = description;
    this.headers = headers;
    this.extra = extra;
  }

  body(): Record<string, string> {
    return {
      code: `oidc.${this.error}`,
      message: MESSAGES[this.error] ?? `An OIDC error occurred: oidc.${this.error}.`,
      ...(this.error === 'invalid_grant' ? { error_uri: 'https://openid.sh/debug/invalid_grant' } : {}),
      error: this.error,
      error_description: this.description,
      ...this.extra,
    };
  }
}

/** Every reason is masked, as the vendor does: wrong verifier, replay, expiry and a foreign client look alike. */
export const invalidGrant = () => new OidcError('invalid_grant', 'grant request is invalid');

export const invalidTarget = (description = 'resource indicator is missing, or unknown') =>
  new OidcError('invalid_target', description);

export function invalidToken(issuer: string): OidcError {
  const description = 'invalid token provided';
  return new OidcError('invalid_token', description, {
    status: 401,
    headers: {
      'WWW-Authenticate': `Bearer realm="${issuer}", error="invalid_token", error_description="${description}"`,
    },
  });
}

export function missingOpenid(issuer: string): OidcError {
  const description = 'access token missing openid scope';
  return new OidcError('insufficient_scope', description, {
    status: 403,
    scope: 'openid',
    headers: {
      'WWW-Authenticate': `Bearer realm="${issuer}", error="insufficient_scope", error_description="${description}", scope="openid"`,
    },
  });
}

export function invalidClient(issuer: string): OidcError {
  const description = 'client authentication failed';
  return new OidcError('invalid_client', description, {
    status: 401,
    headers: {
      'WWW-Authenticate': `Basic realm="${issuer}", error="invalid_client", error_description="${description}"`,
    },
  });
}

export const answerOidcError: ErrorRequestHandler = function answerOidcError(error, _req, res, next) {
  if (!(error instanceof OidcError)) {
    if (typeof error?.status === 'number' && error.status < 500)
      res
        .status(error.status)
        .json(new OidcError('invalid_request', 'failed to parse the request body').body());
    else next(error);
    return;
  }
  for (const [name, value] of Object.entries(error.headers)) res.setHeader(name, value);
  res.status(error.status).json(error.body());
};
