import { planGrants } from './plan-grants.ts';
import type { Assignment, DirectoryUser } from './ports.ts';
import { assignmentId, type ManagedGrant, type SubjectRecord, type SubjectState } from './subject-record.ts';

/** What Logto says a user should be. */
export type Wanted = {
  state: SubjectState;
  /** Logto knows the user (a mere mention in a membership does not make one). */
  registered: boolean;
  /** A registration was announced: its default role is due even if the directory knows the user already. */
  registration: boolean;
  /** The whole profile; missing leaves what the directory has. */
  profile?: { email?: string; firstName?: string; lastName?: string };
  /** Roles by Logto; missing when nobody can say, and then none is given or taken. */
  roles?: readonly { tenant: string; role: string }[];
  /** Tenants whose membership has ended. */
  left: readonly string[];
};

export type Step =
  | { do: 'sync-user'; user: DirectoryUser }
  /** `held`: a suspension held it back, and Logto knows nothing of it. */
  | { do: 'assign'; assignment: Assignment; onlyExisting: boolean; held: boolean }
  | { do: 'unassign'; assignment: Assignment }
  | { do: 'delete-user' };

export type SubjectPlan = {
  /** Written before the first step, so that a crash between two steps is taken up again. */
  record: Pick<SubjectRecord, 'state' | 'defaultDecided' | 'snapshot'>;
  keep: ManagedGrant[];
  forget: ManagedGrant[];
  steps: Step[];
};

export type SubjectView = {
  key: string;
  record: SubjectRecord;
  grants: readonly ManagedGrant[];
  present: { user: DirectoryUser | undefined; assignments: readonly Assignment[] };
  /** Given back by an earlier attempt, and taken away by somebody meanwhile. */
  withdrawn?: readonly Assignment[];
  defaults: { tenant: string; role: string };
};

function sameUser(a: DirectoryUser, b: DirectoryUser): boolean {
  return a.email === b.email && a.firstName === b.firstName && a.lastName === b.lastName;
}

/** The directory replaces a user whole, so what others set there travels back with it. */
export function planUser(key: string, wanted: Wanted['profile'], present: DirectoryUser | undefined): Step[] {
  const { attributes, ...known } = present ?? { key };
  const user: DirectoryUser = { ...(wanted ?? known), key, ...(attributes ? { attributes } : {}) };
  return present && sameUser(present, user) ? [] : [{ do: 'sync-user', user }];
}

function merge(...lists: readonly (readonly Assignment[])[]): Assignment[] {
  return [...new Map(lists.flat().map((a) => [assignmentId(a), a])).values()];
}

function planSuspended(view: SubjectView, wanted: Wanted): SubjectPlan {
  const { record, present } = view;
  const held = merge(record.snapshot ?? [], present.assignments).filter(
    (a) => !wanted.left.includes(a.tenant),
  );
  // Roles that Logto takes away meanwhile leave the snapshot; new ones are given when the suspension ends.
  const grants = planGrants({ ...view, wanted, have: held, give: false });
  return {
    record: { state: 'suspended', defaultDecided: grants.defaultDecided, snapshot: grants.stay },
    keep: grants.keep,
    forget: grants.forget,
    steps: [
      // Before the profile: one that the directory refuses must not keep somebody in.
      ...present.assignments.map((assignment): Step => ({ do: 'unassign', assignment })),
      ...planUser(view.key, wanted.profile, present.user),
    ],
  };
}

function planActive(view: SubjectView, wanted: Wanted): SubjectPlan {
  const { record, present } = view;
  const withdrawn = new Set(view.withdrawn?.map(assignmentId));
  const have = merge(present.assignments, record.snapshot ?? []).filter(
    (a) => !wanted.left.includes(a.tenant) && !withdrawn.has(assignmentId(a)),
  );
  const grants = planGrants({ ...view, wanted, have, give: true });
  const there = new Set(present.assignments.map(assignmentId));
  const byLogto = new Set(wanted.roles?.map(assignmentId));
  const heldBack = new Set(record.snapshot?.map(assignmentId).filter((id) => !byLogto.has(id)));
  const target = new Map(grants.stay.map((a) => [assignmentId(a), a]));
  const taking = present.assignments
    .filter((a) => !target.has(assignmentId(a)))
    .map((assignment): Step => ({ do: 'unassign', assignment }));
  const giving = [...target.values()]
    .filter((a) => !there.has(assignmentId(a)))
    .map(
      (assignment): Step => ({
        do: 'assign',
        assignment,
        onlyExisting: Boolean(assignment.resourceInstance),
        held: heldBack.has(assignmentId(assignment)),
      }),
    );
  const profile = planUser(view.key, wanted.profile, present.user);
  return {
    record: { state: 'active', defaultDecided: grants.defaultDecided, snapshot: record.snapshot },
    keep: grants.keep,
    forget: grants.forget,
    // A profile that the directory refuses must neither keep a role alive nor hold one back: it comes last, unless
    // there is nobody yet to hold roles. Taking before giving: nobody holds the old and the new role at once for
    // longer than need be.
    steps: present.user ? [...taking, ...giving, ...profile] : [...profile, ...giving],
  };
}

/**
 * From what is wanted, what we remember and what is there to what has to be done. Pure; planning again after
 * the steps were done plans nothing.
 */
export function planSubject(view: SubjectView, wanted: Wanted): SubjectPlan {
  if (view.record.state === 'deleted' || wanted.state === 'deleted') {
    return {
      record: { state: 'deleted', defaultDecided: true, snapshot: undefined },
      keep: [],
      forget: [...view.grants],
      steps: [{ do: 'delete-user' }],
    };
  }
  return wanted.state === 'suspended' ? planSuspended(view, wanted) : planActive(view, wanted);
}
