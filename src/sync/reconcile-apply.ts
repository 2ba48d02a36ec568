import type { Logger } from 'pino';
import type { Progress } from './census.ts';
import { subjectOfKey } from './census-books.ts';
import { isRefusedInput } from './directory-error.ts';
import { type BookedGrant, type Ledger, profileOfText, roleId, roleOf } from './ledger.ts';
import { isMachine, type ReconcilePlan, type RoleChange } from './plan-reconcile.ts';
import type { Assignment, Directory } from './ports.ts';
import type { ReconcileBooks } from './reconcile-books.ts';
import type { Refusal } from './reconcile-report.ts';

const CHUNK = 1000;
/** Fewer roles to take than this are looked at one by one, since a list that shifted while it was read may lie. */
const FEW = 500;

function* chunksOf<T>(items: readonly T[]): Generator<T[]> {
  for (let i = 0; i < items.length; i += CHUNK) yield items.slice(i, i + CHUNK);
}

export type ApplyPlanOptions = {
  directory: Directory;
  books: ReconcileBooks;
  ledger: Ledger;
  defaults: { tenant: string; role: string };
  touch(subject: string): Promise<void>;
  onRolesChanged(change: { tenant: string }): Promise<void>;
  /** Told of what the directory will never take. */
  onRefused(refusal: Refusal): void;
  progress: Progress;
  log: Logger;
};

/** What a machine shall have, and how it comes to it. */
type MachineStep = [key: string, work: () => Promise<unknown>];

/**
 * Carries a plan out in bulk. Books are written before the directory, and afterwards whoever was changed by
 * somebody else meanwhile is looked at again: between two writers the present state decides.
 */
export async function applyPlan(
  plan: ReconcilePlan,
  options: ApplyPlanOptions,
): Promise<{ touched: number }> {
  const { directory, books, ledger, defaults, progress, log } = options;
  let touched = 0;
  const touch = async (key: string) => {
    touched += 1;
    await options.touch(subjectOfKey(key));
  };

  /**
   * Sends one bulk call; when something in it cannot go through, its subjects are taken one by one: users by their
   * worker, machines here, for they have none.
   */
  async function inBulk(
    keys: readonly string[],
    work: () => Promise<void>,
    machineSteps: () => MachineStep[],
  ): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      if (!isRefusedInput(error)) throw error;
      for (const key of new Set(keys)) if (!isMachine(key)) await touch(key);
      for (const step of machineSteps()) await unlessRefused(step);
      return false;
    }
  }

  async function unlessRefused([key, step]: MachineStep): Promise<void> {
    try {
      await step();
    } catch (error) {
      if (!isRefusedInput(error)) throw error;
      log.warn({ cause: error.message }, 'reconcile: the directory refuses what a machine should have');
      options.onRefused({ subject: key, why: error.message });
    }
  }

  const assignmentOf = ({ key, id }: RoleChange): Assignment => ({ user: key, ...roleOf(id) });
  const machinesOf = (part: readonly RoleChange[]) =>
    part.filter(({ key }) => isMachine(key)).map(assignmentOf);
  // Ahead of our own books, and also after half of it: who was told nothing would go on allowing what was taken.
  const changed = async (ids: Iterable<string>) => {
    const tenants = new Set([...ids].map((id) => roleOf(id).tenant));
    for (const tenant of tenants) await options.onRolesChanged({ tenant });
  };

  function grantsFor(key: string, adopted: boolean): BookedGrant[] {
    const entry = ledger.entry(key);
    const grants: BookedGrant[] = entry.roles.map((id) => ({
      id,
      source: 'logto',
      found: false,
      done: false,
    }));
    // Whoever the directory knew before us had his beginning elsewhere: a default may have been taken away.
    if (adopted || isMachine(key)) return grants;
    return [
      ...grants,
      { id: roleId(defaults.tenant, defaults.role), source: 'default', found: false, done: false },
    ];
  }

  async function begin(keys: readonly string[], adopted: boolean): Promise<void> {
    const rows = keys.map((key) => ({
      key,
      grants: grantsFor(key, adopted),
      tenants: ledger.entry(key).member,
    }));
    const claimed = await books.claim(rows);
    const mine = rows.filter((row) => claimed.has(subjectOfKey(row.key)) || isMachine(row.key));
    for (const { key } of rows) if (!mine.some((row) => row.key === key)) await touch(key);

    const users = adopted
      ? []
      : mine.map(({ key }) => ({ key, ...profileOfText(ledger.entry(key).wanted ?? '["","",""]') }));
    const missing = mine.flatMap(({ key, grants }) =>
      [...new Set(grants.map((g) => g.id))]
        .filter((id) => !ledger.entry(key).held.includes(id))
        .map((id) => assignmentOf({ key, id })),
    );
    const done = await inBulk(
      mine.map((row) => row.key),
      async () => {
        if (users.length > 0) await directory.syncUsers(users);
        if (missing.length > 0) await directory.assignMany(missing);
      },
      () => [
        ...users
          .filter((user) => isMachine(user.key))
          .map((user): MachineStep => [user.key, () => directory.syncUser(user)]),
        ...missing
          .filter(({ user }) => isMachine(user))
          .map((one): MachineStep => [one.user, () => directory.assign(one)]),
      ],
    );
    if (done) for (const key of await books.settle(mine.map((row) => row.key))) await touch(key);
    const differing = adopted
      ? mine.filter(({ key }) => ledger.entry(key).there !== ledger.entry(key).wanted)
      : [];
    for (const { key } of differing) if (!isMachine(key)) await touch(key);
    await changed(mine.flatMap((row) => row.grants.map((g) => g.id)));
  }

  async function each<T>(
    phase: string,
    items: readonly T[],
    work: (part: T[]) => Promise<void>,
  ): Promise<void> {
    let done = 0;
    for (const part of chunksOf(items)) {
      await work(part);
      done += part.length;
      await progress({ phase, done, total: items.length });
    }
  }

  async function recheck(part: readonly RoleChange[]): Promise<void> {
    const versions = new Map(part.map(({ key }) => [key, ledger.entry(key).version]));
    for (const key of await books.movedSince(versions)) await touch(key);
  }

  await each('create', plan.create, (part) => begin(part, false));
  await each('adopt', plan.adopt, (part) => begin(part, true));
  await each('assign', plan.assign, async (part) => {
    await books.mark(part, { found: false, done: false });
    const all = await inBulk(
      part.map((c) => c.key),
      () => directory.assignMany(part.map(assignmentOf)),
      () => machinesOf(part).map((one): MachineStep => [one.user, () => directory.assign(one)]),
    ).finally(() => changed(part.map((c) => c.id)));
    if (all) await books.mark(part, { found: false, done: true });
    await recheck(part);
  });
  // Machines have no worker that could look.
  const alone = (change: RoleChange) => plan.unassign.length < FEW && !isMachine(change.key);
  const few = plan.unassign.filter(alone);
  const many = plan.unassign.filter((change) => !alone(change));
  for (const { key } of few) await touch(key);
  await each('unassign', many, async (part) => {
    const all = await inBulk(
      part.map((c) => c.key),
      () => directory.unassignMany(part.map(assignmentOf)),
      () => machinesOf(part).map((one): MachineStep => [one.user, () => directory.unassign(one)]),
    ).finally(() => changed(part.map((c) => c.id)));
    if (all) await books.unmark(part);
    await recheck(part);
  });
  await each('book', plan.note, (part) => books.mark(part, { found: true, done: true }));
  await each('book', plan.forget, (part) => books.unmark(part));
  await each('book', plan.join, (part) => books.join(part));
  for (const { key, tenant } of plan.leave) {
    const held = await directory.assignmentsOf(key, tenant);
    const left = await inBulk(
      [key],
      () => directory.unassignMany(held),
      () => (isMachine(key) ? held.map((one): MachineStep => [one.user, () => directory.unassign(one)]) : []),
    ).finally(() => options.onRolesChanged({ tenant }));
    if (left) await books.leave(key, tenant);
  }
  await each('look', plan.look, async (part) => {
    for (const { key } of part) await touch(key);
  });
  return { touched };
}
