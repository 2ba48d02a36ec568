import type { Request } from 'express';
import type { z } from 'zod';
import { ManagementError } from './management-error.ts';

type Issue = Record<string, unknown> & { path: PropertyKey[] };

/**
 * The body, checked.
 *
 * @throws ManagementError 400 `guard.invalid_input` with the issues as the vendor words them.
 */
export function bodyOf<Schema extends z.ZodType>(req: Request, schema: Schema): z.output<Schema> {
  const body: unknown = req.body ?? {};
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.map((issue) => vendorIssue(issue as never, body));
  const [first] = issues;
  throw new ManagementError(400, 'guard.invalid_input', 'The request body is invalid.', {
    data: { issues, name: 'ZodError' },
    details: first ? detailsOf(first) : '',
  });
}

/** The vendor validates with an older zod, whose issues look different. */
function vendorIssue(
  issue: { code: string; path: PropertyKey[]; message: string; expected?: string; values?: unknown[] },
  body: unknown,
): Issue {
  const received = at(body, issue.path);
  switch (issue.code) {
    case 'invalid_type': {
      const type = typeName(received);
      const message = received === undefined ? 'Required' : `Expected ${issue.expected}, received ${type}`;
      return { code: 'invalid_type', expected: issue.expected, received: type, path: issue.path, message };
    }
    case 'invalid_format':
      return { validation: 'regex', code: 'invalid_string', message: 'Invalid', path: issue.path };
    case 'invalid_value': {
      const wanted = (issue.values ?? []).map((value) => `'${value}'`).join(' | ');
      const message = `Invalid enum value. Expected ${wanted}, received '${received}'`;
      return { received, code: 'invalid_enum_value', options: issue.values, path: issue.path, message };
    }
    default:
      return { code: issue.code, path: issue.path, message: issue.message };
  }
}

function detailsOf(issue: Issue): string {
  const text =
    issue.code === 'invalid_type'
      ? `Expected ${issue.expected} but received ${issue.received}.`
      : String(issue.message);
  return `Error in key path "${issue.path.join('.')}": (${issue.code}) ${text}`;
}

function at(body: unknown, path: PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) => (value as Record<PropertyKey, unknown> | undefined)?.[key],
    body,
  );
}

function typeName(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}
