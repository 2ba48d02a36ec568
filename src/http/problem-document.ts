import { type Fault, ProblemError } from '../errors.ts';

/** RFC 9457, with `code` for programs and `instance` as the request id. */
export type ProblemDocument = {
  type: string;
  title: string;
  status: number;
  code: string;
  instance: string;
  detail?: string;
  errors?: Fault[];
};

export const PROBLEM_TYPE = 'application/problem+json; charset=utf-8';

/**
 * What a client may see of an error: its own words for the foreseen ones, nothing for the others.
 *
 * @example
 * res.status(503).type(PROBLEM_TYPE).send(JSON.stringify(problemDocumentOf(error, requestIdOf(req))));
 */
export function problemDocumentOf(error: unknown, instance: string): ProblemDocument {
  if (!(error instanceof ProblemError)) return document(500, 'internal_error', 'Internal error', instance);
  return {
    ...document(error.status, error.code, error.title, instance),
    ...(error.detail === undefined ? {} : { detail: error.detail }),
    ...(error.errors === undefined ? {} : { errors: error.errors }),
  };
}

function document(status: number, code: string, title: string, instance: string): ProblemDocument {
  return {
    type: `urn:express-logto-permit:${code}`,
    title,
    status,
    code,
    instance,
  };
}
