import type { ErrorRequestHandler } from 'express';

/** A refusal of the Management API: `{code, message, data?, details?}`, as recorded. */
export class ManagementError extends Error {
  readonly status: number;
  readonly code: string;
  readonly data: unknown;
  readonly details: string | undefined;

  constructor(
    status: number,
    code: string,
    message: string,
    extra: { data?: unknown; details?: string } = {},
  ) {
    super(message);
    this.name = 'ManagementError';
    this.status = status;
    this.code = code;
    this.data = extra.data;
    this.details = extra.details;
  }

  body(): Record<string, unknown> {
    return {
      code: this.code,
      ...(this.data === undefined ? {} : { data: this.data }),
      ...(this.details === undefined ? {} : { details: this.details }),
      message: this.message,
    };
  }
}

export const notFound = () => new ManagementError(404, 'entity.not_found', 'The resource does not exist.');

/** Everything but users is refused with the table's name. */
export const notExistsWithId = (table: string, id: string) =>
  new ManagementError(404, 'entity.not_exists_with_id', `The ${table} with ID \`${id}\` does not exist.`);

export const answerManagementError: ErrorRequestHandler = function answerManagementError(
  error,
  _req,
  res,
  next,
) {
  if (error instanceof ManagementError) res.status(error.status).json(error.body());
  else if (typeof error?.status === 'number' && error.status < 500)
    // Malformed JSON has no code.
    res.status(error.status).json({ message: error.message });
  else next(error);
};
