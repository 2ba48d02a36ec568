import type { Request } from 'express';
import type { UserRecord } from '../directory/records.ts';
import { ManagementError } from './management-error.ts';

const FIELDS = ['id', 'primaryEmail', 'primaryPhone', 'username', 'name'] as const;
type Field = (typeof FIELDS)[number];
const NAMES = 'id, primary_email, primary_phone, username, name';

/**
 * `search=%text%` over all fields, `search.<field>=…` over one; `mode` (or `mode.<field>`) `like` or `exact`,
 * `joint` `or` (default) or `and`, `isCaseSensitive`.
 *
 * @throws ManagementError 400 `request.invalid_input` for a field that is none.
 */
export function userMatcher(req: Request): (user: UserRecord) => boolean {
  const query = new URLSearchParams(req.originalUrl.split('?')[1] ?? '');
  const caseSensitive = query.get('isCaseSensitive') === 'true';
  const conditions: ((user: UserRecord) => boolean)[] = [];

  for (const [key, pattern] of query) {
    if (key !== 'search' && !key.startsWith('search.')) continue;
    const field = key === 'search' ? undefined : fieldOf(key.slice('search.'.length));
    const mode = (field && query.get(`mode.${field}`)) ?? query.get('mode') ?? 'like';
    const matches = matcherOf(pattern, mode, caseSensitive);
    conditions.push((user) => (field ? [field] : FIELDS).some((name) => matches(user[name])));
  }
  if (conditions.length === 0) return () => true;
  return query.get('joint') === 'and'
    ? (user) => conditions.every((condition) => condition(user))
    : (user) => conditions.some((condition) => condition(user));
}

function fieldOf(name: string): Field {
  const field = FIELDS.find((known) => known === name);
  if (!field)
    throw new ManagementError(
      400,
      'request.invalid_input',
      `Input is invalid. Search field \`${name}\` is not valid, expect one of ${NAMES}.`,
      { data: {} },
    );
  return field;
}

function matcherOf(pattern: string, mode: string, caseSensitive: boolean): (value: string | null) => boolean {
  const fold = (text: string) => (caseSensitive ? text : text.toLowerCase());
  if (mode === 'exact') return (value) => value !== null && fold(value) === fold(pattern);
  const source = pattern
    .replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
    .replaceAll('%', '.*')
    .replaceAll('_', '.');
  const like = new RegExp(`^${source}$`, caseSensitive ? 's' : 'is');
  return (value) => value !== null && like.test(value);
}
