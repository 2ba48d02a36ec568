/**
 * An error that may be logged: the SDK's and jose's errors carry whole responses and the claims of a person as
 * properties, which a logger would print. Only name, code and message remain.
 */
export function plainCauseOf(error: unknown): Error {
  const { name, code, message } = error as { name?: unknown; code?: unknown; message?: unknown };
  return new Error([name, code, message].filter((part) => typeof part === 'string').join(' '));
}
