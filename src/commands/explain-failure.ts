import { UpstreamUnavailable } from '../index.ts';

/** What went wrong at a start, for a person who can mend it; `undefined` for what nobody has foreseen. */
export function explainedFailure(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const { name, message, code, syscall, port } = error as NodeJS.ErrnoException & { port?: number };
  if (code === 'EADDRINUSE') {
    return `Port ${port} is taken. Stop what listens there, or set another one (PORT, METRICS_PORT, LOGTO_EMULATOR_PORT or PERMIT_EMULATOR_PORT).`;
  }
  if (code === 'EACCES' && syscall === 'listen') {
    return `Port ${port} may not be opened by this user: set PORT to one above 1023.`;
  }
  if (name === 'DatabaseInUse') return message;
  if (error instanceof UpstreamUnavailable && error.upstream === 'database') {
    const cause = error.cause as { message?: string } | undefined;
    return `The database cannot be used: ${cause?.message || message}. Check DATABASE_URL (host, port, database, user, password; the database has to exist); npm run doctor tells more.`;
  }
  return undefined;
}
