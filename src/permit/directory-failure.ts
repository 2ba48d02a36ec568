import { isAxiosError } from 'axios';
import { DirectoryError } from '../sync/directory-error.ts';
import type { DirectoryFailure } from '../sync/ports.ts';

function kindOf(status: number | undefined, code: string | undefined): DirectoryFailure {
  if (status === undefined) return 'unavailable';
  // Whatever has nothing here, it is not the vendor's API: a proxy without its backend, or a wrong address.
  if (status === 404 && code === undefined) return 'unavailable';
  if (status === 401 || status === 403) return 'refused-key';
  if (status === 429) return 'rate-limited';
  // 408 and 424 are time-outs. A redirect is never followed, and says that something stands in the way.
  if (status >= 500 || status < 400 || status === 408 || status === 424) return 'unavailable';
  return 'refused-input';
}

function retryAfterMsOf(value: unknown): number | undefined {
  if (typeof value !== 'string' || value === '') return undefined;
  const seconds = Number(value);
  return Number.isFinite(seconds) && seconds >= 0 ? Math.min(seconds, 3600) * 1000 : undefined;
}

/** Our own words for a vendor's refusal: 422 lists fields, the rest has a code. */
function reasonOf(data: unknown): { code?: string; text: string } {
  if (typeof data !== 'object' || data === null) return { text: '' };
  const { error_code, detail } = data as { error_code?: unknown; detail?: unknown };
  if (typeof error_code === 'string') return { code: error_code, text: ` ${error_code}` };
  if (!Array.isArray(detail)) return { text: '' };
  const fields = detail.map((d: { loc?: unknown }) => (Array.isArray(d?.loc) ? d.loc.join('.') : '?'));
  return { code: 'INVALID_FIELDS', text: ` (${fields.slice(0, 5).join(', ')})` };
}

/**
 * What a failed call to the directory means. The vendor's error object stops here: serialised, it holds the
 * bearer token.
 */
export function directoryFailureOf(error: unknown): DirectoryError {
  if (error instanceof DirectoryError) return error;
  if (!isAxiosError(error)) {
    return new DirectoryError('unavailable', `directory call failed: ${Object(error).name}`);
  }
  const status = error.response?.status;
  const { code, text } = reasonOf(error.response?.data);
  const retryAfterMs = retryAfterMsOf(error.response?.headers?.['retry-after']);
  const what = `${error.config?.method?.toUpperCase()} ${pathOf(error.config?.url)}`;
  return new DirectoryError(
    kindOf(status, code),
    `directory answered ${status ?? error.code}${text} to ${what}`,
    {
      ...(status === undefined ? {} : { status }),
      ...(code === undefined ? {} : { code }),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    },
  );
}

/** The path without ids that could be personal data. */
function pathOf(url: string | undefined): string | undefined {
  return new URL(String(url), 'http://directory').pathname.split('/').slice(0, 6).at(-1);
}

/** Whether the vendor itself says so: a 404 of a proxy in front has no code of the vendor's. */
export const isVendorsStatus = (error: unknown, status: number): boolean =>
  error instanceof DirectoryError && error.status === status && error.code !== undefined;
