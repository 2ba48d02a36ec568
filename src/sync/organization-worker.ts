import type { Logger } from 'pino';
import type { Letter, SubjectWork } from '../inbox/letter.ts';
import { RetryLater } from '../inbox/outcome.ts';
import { LeaseLost } from './apply-subject.ts';
import { membershipDeltaOf } from './membership-delta.ts';
import type { Directory, IdentitySource } from './ports.ts';
import type { SubjectStore } from './subject-store.ts';
import { organizationSubject } from './tenant-book.ts';

export type OrganizationWorkerOptions = {
  store: SubjectStore;
  directory: Directory;
  identities: IdentitySource | undefined;
  defaults: { tenant: string };
  touch(subject: string): Promise<void>;
  /** Machines have no letters of their own. */
  requestReconcile(): Promise<void>;
  onRolesChanged(change: { tenant: string }): Promise<void>;
  log: Logger;
};

const MEMBERSHIP = 'Organization.Membership.Updated';
const DELETED = 'Organization.Deleted';

/** What the letters say of the organization itself; the newest one that has a name. */
function announcedName(letters: readonly Letter[]): { name: string; atMs: number } | undefined {
  return letters
    .filter(
      (letter) => letter.event === 'Organization.Created' || letter.event === 'Organization.Data.Updated',
    )
    .flatMap(({ payload, createdAt }) => {
      const name = (payload as { data?: { name?: unknown } } | null)?.data?.name;
      return typeof name === 'string' ? [{ name, atMs: createdAt.getTime() }] : [];
    })
    .at(-1);
}

const newestOf = (letters: readonly Letter[]) =>
  letters.reduce((newest, { createdAt }) => Math.max(newest, createdAt.getTime()), 0);

/** Keeps a tenant in step with its organization, and passes membership changes on to the users they are about. */
export function createOrganizationWorker(options: OrganizationWorkerOptions) {
  const { store, directory, identities, defaults, touch, log } = options;

  async function remove(id: string, work: SubjectWork): Promise<void> {
    const subject = organizationSubject(id);
    const record = await store.record(subject);
    await store.save(store.database, record, { state: 'deleted', settled: false }, work.fence);
    if (!(await work.holdsLease())) throw new LeaseLost(subject);
    // Its assignments and instances go with the tenant.
    await directory.deleteTenant(id);
    await store.database.transaction(async (tx) => {
      await store.forgetTenant(tx, id);
      await store.save(tx, record, { state: 'deleted', settled: true }, work.fence);
    });
    await options.onRolesChanged({ tenant: id });
  }

  async function upsert(id: string, name: string, namedAtMs: number, work: SubjectWork): Promise<void> {
    const subject = organizationSubject(id);
    const record = await store.record(subject);
    if (record.state === 'deleted') return;
    if (!(await work.holdsLease())) throw new LeaseLost(subject);
    await directory.upsertTenant({ key: id, name });
    const markMs = Math.max(record.markMs, namedAtMs);
    await store.save(store.database, record, { state: 'active', settled: true, markMs }, work.fence);
  }

  async function syncTenant(id: string, work: SubjectWork): Promise<void> {
    const deleted = work.letters.some((letter) => letter.event === DELETED);
    if (!identities) {
      if (deleted) return remove(id, work);
      const { known, markMs } = await store.record(organizationSubject(id));
      const announced = announcedName(work.letters.filter((l) => l.createdAt.getTime() >= markMs));
      if (announced) return upsert(id, announced.name, announced.atMs, work);
      // Somebody became a member of what we have not heard of yet: a stub, named by its id until its own letter
      // comes, however old that is.
      if (!known) await upsert(id, id, 0, work);
      return;
    }
    const present = await identities.organization(id);
    if (present && deleted)
      throw new RetryLater(`organization ${id} is announced as deleted and still there`);
    if (present) return upsert(id, present.name, newestOf(work.letters), work);
    if (deleted) return remove(id, work);
    throw new RetryLater(`Logto does not know organization ${id}`);
  }

  async function passOn(id: string, letter: Letter): Promise<void> {
    const delta = membershipDeltaOf(letter.payload);
    const users = [...delta.added, ...delta.removed];
    const atMs = letter.createdAt.getTime();
    if (!identities) await store.noteMemberships(store.database, id, delta.added, true, atMs);
    // Also where the present can be read: who was never in our books may hold roles there all the same.
    await store.noteMemberships(store.database, id, delta.removed, false, atMs);
    // Users whom the letter itself names as its subjects are at work already.
    for (const user of users.filter((u) => !letter.subjects.includes(`user:${u}`)))
      await touch(`user:${user}`);
    if (delta.applications) await options.requestReconcile();
    if (delta.complete) return;
    if (identities) await compareMembers(id, identities);
    else
      log.warn(
        { organization: id },
        'a membership change without names cannot be followed without a Management API',
      );
  }

  /** The delta is cut or missing: whoever differs from our books is looked at. */
  async function compareMembers(id: string, source: IdentitySource): Promise<void> {
    const { rows } = await store.database.query<{ user_key: string }>(
      'select user_key from elp.sync_membership where tenant = $1 and member',
      [id],
    );
    const before = new Set(rows.map((row) => row.user_key));
    for await (const members of source.membersOf(id)) {
      for (const { id: user } of members) if (!before.delete(user)) await touch(`user:${user}`);
    }
    for (const user of before) await touch(`user:${user}`);
  }

  return async function workOrganization(id: string, work: SubjectWork): Promise<void> {
    if (id === defaults.tenant || id === 'fake-id' || id === '') return;
    const { state, settled } = await store.record(organizationSubject(id));
    if (state === 'deleted') {
      if (!settled || work.letters.length === 0) await remove(id, work);
      return;
    }
    await syncTenant(id, work);
    for (const letter of work.letters) if (letter.event === MEMBERSHIP) await passOn(id, letter);
  };
}

export type OrganizationWorker = ReturnType<typeof createOrganizationWorker>;
