import type { Assignment } from './ports.ts';

export type SubjectState = 'active' | 'suspended' | 'deleted';

/** What we remember of one user, machine or organization. */
export type SubjectRecord = {
  id: string;
  /** False while there is no row yet: the first sight of a subject. */
  known: boolean;
  state: SubjectState;
  /** The state that sessions and tokens have been told of. */
  announced: SubjectState;
  /** As of when they were told; a later word must not be older than an earlier one. */
  announcedAtMs: number;
  /** The default role is given, or has been decided against, once in a life. */
  defaultDecided: boolean;
  /** Everything that the state asks of the directory has been done once. */
  settled: boolean;
  /** Assignments held back by a suspension; still there while the restoring is under way. */
  snapshot: Assignment[] | undefined;
  /** `createdAt` of the newest letter that decided, and of the newest one that knew the profile. */
  markMs: number;
  profileMarkMs: number;
  version: number;
  /** How often something was taken from the subject, or given to it, beside its worker. */
  removals: number;
};

export const unknownSubject = (id: string): SubjectRecord => ({
  id,
  known: false,
  state: 'active',
  announced: 'active',
  announcedAtMs: 0,
  defaultDecided: false,
  settled: false,
  snapshot: undefined,
  markMs: 0,
  profileMarkMs: 0,
  version: 0,
  removals: 0,
});

export type GrantSource = 'logto' | 'default' | 'app';

/** Our mark on an assignment. `found`: it was there before us, so it is not ours to remove. */
export type ManagedGrant = {
  tenant: string;
  role: string;
  source: GrantSource;
  found: boolean;
  done: boolean;
};

export const sameRole = (a: { tenant: string; role: string }, b: { tenant: string; role: string }) =>
  a.tenant === b.tenant && a.role === b.role;

/** Equal for equal assignments of one user. */
export const assignmentId = (a: { tenant: string; role: string; resourceInstance?: string }): string =>
  JSON.stringify([a.tenant, a.role, a.resourceInstance ?? null]);
