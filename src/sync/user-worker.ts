import type { SubjectWork } from '../inbox/letter.ts';
import { RetryLater } from '../inbox/outcome.ts';
import { readAnnouncedUser } from './announced-user.ts';
import type { ApplySubject, Holder } from './apply-subject.ts';
import type { Directory, IdentitySource } from './ports.ts';
import { factsOf, type Letters, type Reading, readPresentUser } from './present-user.ts';
import type { RoleNames } from './role-names.ts';
import type { Membership, SubjectStore } from './subject-store.ts';

export type UserWorkerOptions = {
  store: SubjectStore;
  directory: Directory;
  identities: IdentitySource | undefined;
  roleNames: RoleNames | undefined;
  apply: ApplySubject;
  defaults: { tenant: string; role: string };
};

/** Never a user: the console's test button sends this id, signed with the real key. */
const TEST_ID = 'fake-id';

const deletion = (markMs: number): Reading => ({
  wanted: { state: 'deleted', registered: true, registration: false, left: [] },
  tenants: new Map(),
  memberships: [],
  markMs,
  stale: false,
});

/** Makes one user of the directory agree with Logto, whatever it was that brought the user up. */
export function createUserWorker(options: UserWorkerOptions) {
  const { store, directory, identities, roleNames, apply, defaults } = options;

  /** @throws RetryLater when Logto does not know the user and nobody said that the user was deleted */
  async function readPresent(
    userId: string,
    letters: Letters,
    memberships: readonly Membership[],
    source: IdentitySource,
    names: RoleNames,
  ) {
    const reading = await readPresentUser({
      userId,
      letters,
      identities: source,
      roleNames: names,
      memberships,
      defaultTenant: defaults.tenant,
      nowMs: store.now().getTime(),
    });
    if (reading) return reading;
    const deleted = factsOf(userId, letters).findLast((f) => f.deleted);
    if (!deleted) throw new RetryLater(`Logto does not know ${userId}`);
    return deletion(deleted.atMs);
  }

  async function workUser(userId: string, work: Holder & { letters: Letters }): Promise<void> {
    if (userId === TEST_ID || userId === '') return;
    const id = `user:${userId}`;
    const { record, grants, memberships } = await store.booksOf(userId);
    const { letters } = work;
    const facts = factsOf(userId, letters);
    // Once gone, always gone: Logto never gives an id twice, and a letter stays valid for ever.
    if (record.state === 'deleted' && record.settled && letters.length > 0) return;

    const nothingSaid = facts.every(
      (f) => !(f.user || f.profile || f.membership || f.registration || f.deleted),
    );
    if (!identities && nothingSaid && memberships.length === 0 && !record.known) return;

    const bare = record.state === 'deleted';
    // Neither read needs the other's answer, and Permit.io may be far away.
    const reads =
      !bare && identities && roleNames
        ? readPresent(userId, letters, memberships, identities, roleNames)
        : undefined;
    // When both fail, what Permit.io says decides: a wrong key there pauses everything, whoever was faster.
    reads?.catch(() => undefined);
    const present = bare ? undefined : await directory.getUser(userId);
    const reading = bare
      ? deletion(record.markMs)
      : ((await reads) ??
        readAnnouncedUser({
          userId,
          letters,
          record,
          memberships,
          present,
          defaultTenant: defaults.tenant,
        }));

    const lastChange = facts.findLast((f) => f.suspensionChanged || f.deleted);
    await apply({
      id,
      key: userId,
      sub: userId,
      record,
      grants,
      present,
      reading,
      holder: work,
      changedAtMs: lastChange?.atMs,
      suspendedAtMs: facts.findLast((f) => f.suspensionChanged && f.user?.isSuspended)?.atMs,
    });
    if (reading.stale) throw new RetryLater(`Logto's answer about ${userId} is older than what it announced`);
  }

  return workUser as (userId: string, work: Holder & Pick<SubjectWork, 'letters'>) => Promise<void>;
}

export type UserWorker = ReturnType<typeof createUserWorker>;
