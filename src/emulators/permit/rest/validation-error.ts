import type { core, ZodType } from 'zod';
import { isObject } from '../engine/attributes.ts';
import { jsonOf } from '../http-exchange.ts';

export type ValidationDetail = { loc: (string | number)[]; msg: string; type: string };

/** A request that the API's schema refuses: 422 with one detail for each mistake. */
export class ValidationError extends Error {
  readonly detail: readonly ValidationDetail[];
  constructor(detail: readonly ValidationDetail[]) {
    super(detail.map(({ loc, msg }) => `${loc.join('.')}: ${msg}`).join('; '));
    this.name = 'ValidationError';
    this.detail = detail;
  }
}

/** @throws {ValidationError} for what is no JSON. */
export function parsedBody(bytes: Buffer): unknown {
  try {
    return jsonOf(bytes);
  } catch {
    throw new ValidationError([
      { loc: ['body'], msg: 'the body is not JSON', type: 'value_error.jsondecode' },
    ]);
  }
}

/** @throws {ValidationError} */
export function parseBody<Body>(schema: ZodType<Body>, body: unknown): Body {
  if (body === undefined) throw new ValidationError([missing(['body'])]);
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  throw new ValidationError(result.error.issues.flatMap((issue) => detailsOf(issue, body)));
}

export const missing = (loc: (string | number)[]): ValidationDetail => ({
  loc,
  msg: 'field required',
  type: 'value_error.missing',
});

function detailsOf(issue: core.$ZodIssue, body: unknown): ValidationDetail[] {
  const path = issue.path.map((step) => (typeof step === 'symbol' ? String(step) : step));
  const loc = ['body', ...path];
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      loc: [...loc, key],
      msg: 'extra fields not permitted',
      type: 'value_error.extra',
    }));
  }
  if (issue.code === 'invalid_type' && !isThere(body, path)) return [missing(loc)];
  if (issue.code === 'invalid_type') {
    return [{ loc, msg: `value is not a valid ${issue.expected}`, type: `type_error.${issue.expected}` }];
  }
  if (issue.code === 'invalid_format' && issue.format === 'email') {
    return [{ loc, msg: 'value is not a valid email address', type: 'value_error.email' }];
  }
  if (issue.code === 'invalid_format') {
    return [{ loc, msg: 'string does not match regex', type: 'value_error.str.regex' }];
  }
  if (issue.code === 'invalid_value') {
    return [{ loc, msg: 'value is not a valid enumeration member', type: 'type_error.enum' }];
  }
  return [{ loc, msg: issue.message, type: 'value_error' }];
}

function isThere(body: unknown, path: readonly (string | number)[]): boolean {
  let value = body;
  for (const step of path) {
    if (Array.isArray(value)) value = value[Number(step)];
    else if (isObject(value) && Object.hasOwn(value, step)) value = value[String(step)];
    else return false;
  }
  return true;
}
