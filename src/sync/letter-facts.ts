import type { LogtoUser } from './ports.ts';

/** What one letter says about one user. Without a Management API it is all we know; with one, only a hint. */
export type LetterFacts = {
  atMs: number;
  /** A sign-up, or a user made by an administrator: the beginning of a life. */
  registration: boolean;
  deleted: boolean;
  suspensionChanged: boolean;
  user?: LogtoUser;
  /** The profile alone: that route sends nothing else. */
  profile?: { givenName?: string; familyName?: string };
  membership?: { organization: string; member: boolean };
};

type Body = Record<string, unknown>;
type LetterLike = { event: string; createdAt: Date; payload: unknown };

const bodyOf = (value: unknown): Body =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Body) : {};
const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined;

/** `params.userId` wins: on some routes `data` is whatever the tenant put there, another user's id included. */
function subjectIdOf(payload: Body): string | undefined {
  return (
    textOf(bodyOf(payload.params).userId) ??
    textOf(payload.userId) ??
    textOf(bodyOf(payload.data).id) ??
    textOf(bodyOf(payload.user).id)
  );
}

function profileOf(value: unknown): { givenName?: string; familyName?: string } {
  const givenName = textOf(bodyOf(value).givenName);
  const familyName = textOf(bodyOf(value).familyName);
  return { ...(givenName ? { givenName } : {}), ...(familyName ? { familyName } : {}) };
}

function userOf(id: string, value: unknown): LogtoUser | undefined {
  const data = bodyOf(value);
  if (data.id !== id || typeof data.isSuspended !== 'boolean') return undefined;
  return {
    id,
    username: textOf(data.username) ?? null,
    primaryEmail: textOf(data.primaryEmail) ?? null,
    name: textOf(data.name) ?? null,
    profile: profileOf(data.profile),
    isSuspended: data.isSuspended,
    ...(typeof data.updatedAt === 'number' ? { updatedAt: data.updatedAt } : {}),
  };
}

const listed = (payload: Body, field: string, id: string) =>
  Array.isArray(payload[field]) && (payload[field] as unknown[]).includes(id);

function membershipOf(id: string, payload: Body): LetterFacts['membership'] {
  const organization = textOf(payload.organizationId);
  if (!organization) return undefined;
  if (listed(payload, 'removedUserIds', id)) return { organization, member: false };
  if (listed(payload, 'addedUserIds', id)) return { organization, member: true };
  // Before Logto 1.40 a removal named nobody but the user of its path.
  const removed = payload.method === 'DELETE' && bodyOf(payload.params).userId === id;
  return removed ? { organization, member: false } : undefined;
}

/**
 * Reads a letter for the sake of one user. Knows where each event really keeps the user, and believes `data`
 * only where the route sends the whole user.
 */
export function letterFactsOf(userId: string, letter: LetterLike): LetterFacts {
  const payload = bodyOf(letter.payload);
  const facts: LetterFacts = {
    atMs: letter.createdAt.getTime(),
    registration: false,
    deleted: false,
    suspensionChanged: false,
  };
  if (letter.event === 'Organization.Membership.Updated') {
    const membership = membershipOf(userId, payload);
    return membership ? { ...facts, membership } : facts;
  }
  if (subjectIdOf(payload) !== userId) return facts;

  const route = textOf(payload.matchedRoute) ?? '';
  if (route.endsWith('/custom-data')) return facts;
  if (route.endsWith('/profile')) return { ...facts, profile: profileOf(payload.data) };

  const user = userOf(userId, payload.data ?? payload.user);
  return {
    ...facts,
    registration: letter.event === 'PostRegister' || letter.event === 'User.Created',
    deleted: letter.event === 'User.Deleted',
    suspensionChanged: letter.event === 'User.SuspensionStatus.Updated',
    ...(user ? { user } : {}),
  };
}
