import type { Logger } from 'pino';
import type { Database, Queryable } from '../database/database.ts';
import { type DirectoryError, isRefusedInput } from './directory-error.ts';
import { planSubject, type Step, type SubjectPlan, type Wanted } from './plan-subject.ts';
import type { Assignment, Directory, DirectoryUser } from './ports.ts';
import type { Reading } from './present-user.ts';
import { type RecordChange, TakenMeanwhile } from './save-subject.ts';
import { assignmentId, type SubjectRecord, type SubjectState } from './subject-record.ts';
import type { SubjectStore, UserBooks } from './subject-store.ts';
import type { SyncMetrics } from './sync-metrics.ts';
import type { TenantBook } from './tenant-book.ts';

export type Consequences = {
  /** Sessions and tokens of a subject are refused, or accepted again, from `at` on. */
  onRevoke(sub: string, at: Date, state: SubjectState): Promise<void>;
  /** Cached decisions about a user, or in a tenant, are no longer true. */
  onRolesChanged(change: { user?: string; tenant?: string }): Promise<void>;
};

export type ApplyOptions = Consequences & {
  database: Database;
  store: SubjectStore;
  tenants: TenantBook;
  directory: Directory;
  defaults: { tenant: string; role: string };
  metrics: Pick<SyncMetrics, 'steps'>;
  log: Logger;
};

/** Who writes: the lease's fencing number, and the question whether the lease still holds. */
export type Holder = { fence: number; holdsLease(): Promise<boolean> };

export class LeaseLost extends Error {
  constructor(subject: string) {
    super(`the lease of ${subject} is lost`);
    this.name = 'LeaseLost';
  }
}

type Given = {
  id: string;
  key: string;
  sub: string;
  record: SubjectRecord;
  grants: UserBooks['grants'];
  present: DirectoryUser | undefined;
  reading: Reading;
  holder: Holder;
  /** When the state changed, by the sender's clock; missing when nobody said. */
  changedAtMs: number | undefined;
  /** The last time that the user was suspended, even if that is over already. */
  suspendedAtMs: number | undefined;
};

const takes = (step: Step) => step.do === 'unassign';

const MOST_REPLANS = 5;

export type Applied = { steps: readonly Step[]; state: SubjectState };

/**
 * Makes the directory agree with what is wanted of one user: books first, then sessions, then the directory,
 * then the books are closed. A crash anywhere leaves what is missing to the next attempt, which plans it again.
 */
export function createApplySubject(options: ApplyOptions) {
  const { database, store, tenants, directory, defaults, log } = options;

  async function open(
    before: SubjectRecord,
    key: string,
    plan: SubjectPlan,
    holder: Holder,
    announced: RecordChange = {},
  ): Promise<void> {
    const settled = plan.record.state === before.state && before.settled && plan.steps.length === 0;
    const kept = { userKey: key, grants: plan.keep, done: false };
    await store.save(database, before, { ...plan.record, settled, ...announced }, holder.fence, kept);
  }

  async function close(
    before: SubjectRecord,
    key: string,
    plan: SubjectPlan,
    reading: Pick<Reading, 'memberships' | 'markMs' | 'profileMarkMs'>,
    holder: Holder,
    { announcedAtMs, refused }: { announcedAtMs: number | undefined; refused: unknown },
  ): Promise<void> {
    const { state } = plan.record;
    const closed = {
      ...plan.record,
      snapshot: state === 'suspended' ? plan.record.snapshot : undefined,
      announced: state,
      announcedAtMs: Math.max(before.announcedAtMs, announcedAtMs ?? 0),
      settled: refused === undefined,
      markMs: Math.max(before.markMs, reading.markMs),
      profileMarkMs: Math.max(before.profileMarkMs, refused === undefined ? (reading.profileMarkMs ?? 0) : 0),
    };
    const kept = { userKey: key, grants: plan.keep, done: state === 'active' };
    const saveIn = (db: Queryable) => store.save(db, before, closed, holder.fence, kept);
    // Mostly there is nothing but this one statement.
    if (state !== 'deleted' && plan.forget.length === 0 && reading.memberships.length === 0)
      return saveIn(database);
    await database.transaction(async (tx) => {
      if (state !== 'deleted') await store.forgetGrants(tx, key, plan.forget);
      await saveIn(tx);
      if (state === 'deleted') await store.forgetAll(tx, key);
      else await store.keepMemberships(tx, key, reading.memberships);
    });
  }

  async function perform(step: Step, key: string): Promise<void> {
    if (step.do === 'delete-user') return directory.deleteUser(key);
    if (step.do === 'unassign') return directory.unassign(step.assignment);
    if (step.do === 'sync-user') {
      await directory.syncUser(step.user);
      return;
    }
    try {
      await directory.assign(step.assignment, { onlyExisting: step.onlyExisting });
    } catch (error) {
      if (!isRefusedInput(error) || !(await cannotComeBack(step, error))) throw error;
      log.warn({ role: step.assignment.role, cause: error.message }, 'a held role could not be restored');
    }
  }

  /** What went away during the suspension, an object or a whole tenant, holds nothing else up. */
  async function cannotComeBack(
    { assignment, onlyExisting, held }: Step & { do: 'assign' },
    refusal: DirectoryError,
  ): Promise<boolean> {
    if (onlyExisting) return true;
    // A 404 may also speak of a role that is not there yet.
    return held && refusal.status === 404 && !(await directory.hasTenant(assignment.tenant));
  }

  return async function applySubject(given: Given): Promise<Applied> {
    let current = given;
    const withdrawn: Assignment[] = [];
    for (let replans = 0; ; replans += 1) {
      let givenBack: readonly Assignment[] = [];
      try {
        return await attempt(current, withdrawn, (held) => {
          givenBack = held;
        });
      } catch (error) {
        // Whoever takes something away has the last word: it is planned again from what is there by now.
        if (!(error instanceof TakenMeanwhile) || replans === MOST_REPLANS) throw error;
        const { record, grants } = await store.booksOf(given.key);
        const left = new Set(record.snapshot?.map(assignmentId));
        withdrawn.push(...givenBack.filter((a) => !left.has(assignmentId(a))));
        current = { ...given, record, grants, present: await directory.getUser(given.key) };
      }
    }
  };

  /** `onGiving` hears, once the books say so, of everything that a suspension held back and that goes back now. */
  async function attempt(
    given: Given,
    withdrawn: readonly Assignment[],
    onGiving: (held: readonly Assignment[]) => void,
  ): Promise<Applied> {
    const { id, key, record, reading, holder } = given;
    const gone = await tenants.goneAmong([...reading.tenants.keys()]);
    const wanted: Wanted = {
      ...reading.wanted,
      ...(reading.wanted.roles ? { roles: reading.wanted.roles.filter((r) => !gone.has(r.tenant)) } : {}),
    };
    // What an administrator gave while Logto was read counts; nobody gives a role to whom the directory does not know.
    const [grants, assignments] =
      wanted.state === 'deleted' || !given.present
        ? [given.grants, []]
        : await Promise.all([store.grantsOf(key), directory.assignmentsOf(key)]);
    const plan = planSubject(
      {
        key,
        record,
        grants,
        present: { user: given.present, assignments },
        withdrawn,
        defaults,
      },
      wanted,
    );
    await open(record, key, plan, holder);
    if (plan.record.state === 'active') onGiving(plan.record.snapshot ?? []);
    const { state } = plan.record;
    const announcedAtMs = await announce(given, state);
    // At once: the next attempt would end the sessions that began since.
    if (announcedAtMs) await open(record, key, plan, holder, { announced: state, announcedAtMs });

    let rolesTouched = false;
    let refused: unknown;
    const takeStep = async (step: Step) => {
      if (!(await holder.holdsLease())) throw new LeaseLost(id);
      rolesTouched ||= step.do !== 'sync-user';
      await perform(step, key);
      options.metrics.steps.inc({ step: step.do });
    };
    try {
      for (const step of plan.steps.filter(takes)) await takeStep(step);
      // After the taking: a tenant that the directory refuses must keep nobody in another one.
      await makeTenants(reading, gone);
      for (const step of plan.steps.filter((one) => !takes(one))) {
        await takeStep(step).catch((error: unknown) => {
          // Everything else about somebody who is there is done all the same, and only then is it a failure.
          if (step.do !== 'sync-user' || !given.present || !isRefusedInput(error)) throw error;
          refused = error;
        });
      }
    } finally {
      // Also when a later step fails: what an earlier one took away must not live on as a cached decision.
      if (rolesTouched) await options.onRolesChanged({ user: key });
    }
    await close(record, key, plan, reading, holder, { announcedAtMs, refused });
    if (refused !== undefined) throw refused;
    return { steps: plan.steps, state: plan.record.state };
  }

  /**
   * Organizations only, also of a member without a role, to whom somebody will want to give one there. A tenant of
   * which Logto knows nothing is not ours to make.
   */
  async function makeTenants(reading: Reading, gone: ReadonlySet<string>): Promise<void> {
    for (const [key, name] of reading.tenants) {
      if (key !== defaults.tenant && !gone.has(key)) await tenants.ensure({ key, name });
    }
  }

  /** A suspension that came and went unseen still ends the tokens of its time. */
  async function announce(
    given: {
      sub: string;
      record: SubjectRecord;
      changedAtMs: number | undefined;
      suspendedAtMs: number | undefined;
    },
    state: SubjectState,
  ): Promise<number | undefined> {
    const { sub, record, changedAtMs, suspendedAtMs } = given;
    const same = record.announced === state;
    if (same && (suspendedAtMs === undefined || suspendedAtMs <= record.announcedAtMs)) return undefined;
    const atMs = same ? suspendedAtMs : (changedAtMs ?? store.now().getTime());
    const notBeforeMs = Math.max(atMs ?? 0, record.announcedAtMs);
    await options.onRevoke(sub, new Date(notBeforeMs), state);
    return notBeforeMs;
  }
}

export type ApplySubject = ReturnType<typeof createApplySubject>;
