import { UpstreamUnavailable } from '../errors.ts';

/** SQLSTATEs that speak of the server or the connection, not of the statement. */
const UNAVAILABLE_STATES = new Set([
  '25006', // read-only: this is a standby by now
  '25P03', // idle in transaction for too long
  '53000',
  '53100', // disk full
  '53200',
  '53300', // too many connections
  '53400',
  '55P03', // lock not available in time
  '57014', // statement timeout
  '57P01',
  '57P02',
  '57P03',
  '57P04', // the database was dropped
  '57P05',
  '58000',
  '58030', // input/output error
  '3D000', // no such database
  '28000',
  '28P01', // our own credentials are wrong
]);

const NETWORK_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ENOENT',
  'ENOSPC',
  'EDQUOT',
  'EIO',
  'EROFS',
  'EMFILE',
  'ENFILE',
]);

const MESSAGES =
  /connection terminated|connection ended|timeout exceeded|query read timeout|client has encountered|cannot use a pool after|not queryable|pglite is clos|aborted\(|no space left|could not (?:write|extend|open|fsync)/i;

/** SQLSTATE or system code of whatever a driver threw. */
export function databaseCodeOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' ? code : undefined;
}

function isUnavailable(error: unknown): boolean {
  // `WebAssembly.RuntimeError`: the embedded one has died in a statement, and answers nothing any more.
  if ((error as Error | undefined)?.name === 'RuntimeError') return true;
  if (error instanceof AggregateError) return error.errors.some(isUnavailable);
  const code = databaseCodeOf(error);
  if (code && (UNAVAILABLE_STATES.has(code) || NETWORK_CODES.has(code) || /^08/.test(code))) return true;
  return error instanceof Error && !(code && /^[0-9A-Z]{5}$/.test(code)) && MESSAGES.test(error.message);
}

/**
 * What to throw instead of a driver's error: `UpstreamUnavailable('database')` for trouble with the server or
 * the way to it, the error itself for what is wrong with the statement (a duplicate key stays `23505`).
 */
export function databaseErrorOf(error: unknown): unknown {
  return error instanceof UpstreamUnavailable || !isUnavailable(error) ? error : databaseOutage(error);
}

/** For whatever goes wrong on the way to a connection: certificates, file descriptors, names, passwords. */
export function databaseOutage(error: unknown): UpstreamUnavailable {
  const code = databaseCodeOf(error);
  return new UpstreamUnavailable('database', code ?? 'connection lost', {
    cause: error,
    logCode: 'database_unavailable',
  });
}
