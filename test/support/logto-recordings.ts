import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LogtoVersion } from '../../src/emulators/logto/issuer.ts';

const folder = join(import.meta.dirname, '../contracts/recordings');

export type Exchange = {
  request: { method: string; path: string; body?: unknown };
  response: { status: number; headers?: Record<string, string>; body: unknown };
};

/** A recording by its path below the folder, e.g. `webhooks/User.Created.json`. */
export function recording<T = Record<string, never>>(path: string): T {
  return JSON.parse(readFileSync(join(folder, path), 'utf8')) as T;
}

/** The recording of that version; what was not recorded again for 1.42 is the same as for 1.41. */
export function recordingOf<T>(version: LogtoVersion, path: string): T {
  if (version === '1.42')
    try {
      return recording<T>(`v1.42.0/${path}`);
    } catch {
      return recording<T>(path);
    }
  return recording<T>(path);
}

export const managementRecordings = [
  'users',
  'users-by-id',
  'users-roles',
  'users-organizations',
  'roles',
  'organizations',
  'organizations-users',
  'organization-template',
  'resources',
  'hooks',
] as const;
