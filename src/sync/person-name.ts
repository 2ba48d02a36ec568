import type { LogtoUser } from './ports.ts';

export type PersonName = { firstName?: string; lastName?: string };

/** First and last name: what the profile says, else the display name cut at its first space. */
export function personNameOf(user: Pick<LogtoUser, 'name' | 'profile'>): PersonName {
  const given = user.profile?.givenName?.trim();
  const family = user.profile?.familyName?.trim();
  const [first, ...rest] = given || family ? [given, family] : (user.name ?? '').trim().split(/\s+/);
  const last = rest.filter(Boolean).join(' ');
  return { ...(first ? { firstName: first } : {}), ...(last ? { lastName: last } : {}) };
}
