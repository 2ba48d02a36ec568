import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ReconcileBusy } from '../../src/sync/reconcile-lease.ts';
import { type Facts, startFacts } from '../support/sync-facts.ts';
import { type SyncHarness, startSync } from '../support/sync-harness.ts';
import { type FakeUser, type Identities, startIdentities } from '../support/sync-identities.ts';

/** `SCHEDULES=1000 npm test -- test/sync/schedules` is the long form. */
const RUNS = Number(process.env.SCHEDULES ?? 6);
const PEOPLE = ['ann', 'bob', 'cem'];

let facts: Facts;
let logto: Identities;
let sync: SyncHarness;
let blind: SyncHarness;

beforeAll(async () => {
  facts = await startFacts();
  logto = await startIdentities();
  sync = await startSync({ facts, logto });
  blind = await startSync({ facts });
});
afterAll(async () => {
  await sync.stop();
  await blind.stop();
  await facts.close();
  await logto.close();
});

type Action =
  | {
      do: 'register' | 'suspend' | 'lift' | 'delete' | 'sign-in' | 'create-org' | 'delete-org';
      who: number;
      org: number;
    }
  | { do: 'rename'; who: number; name: string }
  | { do: 'roles'; who: number; names: string[] }
  | { do: 'join'; who: number; org: number; names: string[] }
  | { do: 'leave'; who: number; org: number };

type Letter = { event: string; payload: Record<string, unknown>; createdAtMs: number };

const who = fc.nat(PEOPLE.length - 1);
const org = fc.nat(1);
const names = fc.uniqueArray(fc.constantFrom('admin', 'editor', 'viewer', 'unmapped'), { maxLength: 2 });
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('register' as const), who, org }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom('suspend' as const, 'lift' as const, 'sign-in' as const),
      who,
      org,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constantFrom('delete' as const, 'delete-org' as const), who, org }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('create-org' as const), who, org }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('rename' as const),
      who,
      name: fc.constantFrom('A B', 'C', 'D E F'),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('roles' as const), who, names }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('join' as const), who, org, names }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('leave' as const), who, org }) },
);

const schedule = fc.record({
  actions: fc.array(action, { minLength: 4, maxLength: 16 }),
  /** For each letter: how often it comes (0: lost) and where in the order. */
  fate: fc.array(fc.record({ times: fc.constantFrom(0, 1, 1, 1, 2), place: fc.nat(1000) }), {
    minLength: 40,
    maxLength: 40,
  }),
  /** Writes of the directory that fail, or happen unheard. */
  crashes: fc.array(fc.record({ at: fc.nat(30), how: fc.constantFrom('reset' as const, 'lost' as const) }), {
    maxLength: 4,
  }),
  pauses: fc.array(fc.nat(20), { maxLength: 3 }),
  /** How many turns each answer of the directory is held back: who overtakes whom is part of the schedule. */
  turns: fc.array(fc.nat(6), { minLength: 1, maxLength: 20 }),
  byHand: who,
});

/** Carries the actions out at Logto and collects the letters that Logto would send. */
function live(actions: readonly Action[], clock: { advance(ms: number): number }): Letter[] {
  const letters: Letter[] = [];
  const send = (event: string, payload: Record<string, unknown>) =>
    letters.push({ event, payload, createdAtMs: clock.advance(3) });
  const gone = new Set<string>();
  const body = (user: FakeUser) => ({ ...user, customData: {} });
  for (const step of actions) {
    const at = clock.advance(5);
    if (step.do === 'create-org' || step.do === 'delete-org') {
      const id = `org${step.org}`;
      if (step.do === 'create-org' && !logto.organizations.has(id) && !gone.has(id)) {
        logto.organization(id, `Name of ${id}`);
        send('Organization.Created', { data: { id, name: `Name of ${id}` } });
      }
      if (step.do === 'delete-org' && logto.organizations.delete(id)) {
        logto.members.delete(id);
        gone.add(id);
        send('Organization.Deleted', { params: { id } });
      }
      continue;
    }
    const id = PEOPLE[step.who] as string;
    const params = { params: { userId: id } };
    if (step.do === 'register' && !logto.users.has(id) && !gone.has(id)) {
      const user = logto.put(id, { updatedAt: at });
      send('User.Created', { data: body(user) });
      send('PostRegister', { userId: id, user: body(user) });
    }
    if (!logto.users.has(id)) continue;
    if (step.do === 'suspend' || step.do === 'lift') {
      const user = logto.put(id, { isSuspended: step.do === 'suspend', updatedAt: at });
      send('User.SuspensionStatus.Updated', { ...params, data: body(user) });
    }
    if (step.do === 'rename')
      send('User.Data.Updated', { ...params, data: body(logto.put(id, { name: step.name, updatedAt: at })) });
    if (step.do === 'sign-in')
      send('PostSignIn', { userId: id, user: body(logto.users.get(id) as FakeUser) });
    if (step.do === 'roles') logto.give(id, ...step.names);
    if (step.do === 'delete') {
      const user = logto.users.get(id) as FakeUser;
      logto.remove(id);
      gone.add(id);
      send('User.Deleted', { ...params, data: body(user) });
    }
    if (step.do === 'join' && logto.organizations.has(`org${step.org}`)) {
      logto.member(`org${step.org}`, id, ...step.names);
      send('Organization.Membership.Updated', { organizationId: `org${step.org}`, addedUserIds: [id] });
    }
    if (step.do === 'leave' && logto.members.get(`org${step.org}`)?.delete(id)) {
      send('Organization.Membership.Updated', { organizationId: `org${step.org}`, removedUserIds: [id] });
    }
  }
  return letters;
}

/** What the directory must show, from Logto's own state alone. */
function oracle(byHand: string, withRoles: boolean) {
  return PEOPLE.map((id) => {
    const user = logto.users.get(id);
    if (!user) return { id, there: false, roles: [] };
    const mapped = (ids: Iterable<string> | undefined, prefix: RegExp) =>
      [...(ids ?? [])]
        .map((r) => r.replace(prefix, '').replace(/-User$/, ''))
        .filter((r) => r !== 'unmapped');
    const roles = new Set(['default/viewer']);
    if (withRoles) {
      for (const role of mapped(logto.rolesOf.get(id), /^r-/)) roles.add(`default/${role}`);
      for (const [organization, of] of logto.members) {
        for (const role of mapped(of.get(id), /^or-/)) roles.add(`${organization}/${role}`);
      }
    }
    if (id === byHand) for (const own of ['default/janitor', 'default/owner@reports:1']) roles.add(own);
    const [first, ...rest] = (user.name ?? '').split(' ');
    return {
      id,
      there: true,
      email: user.primaryEmail,
      name: [first || null, rest.join(' ') || null],
      roles: user.isSuspended ? [] : [...roles].sort(),
    };
  });
}

/** Every organization has its tenant, and nothing else has one. */
const tenantsWanted = () => [...logto.organizations.values()].map(({ id, name }) => `${id}: ${name}`).sort();
const tenantsPresent = () =>
  [...facts.tenants.values()]
    .filter(({ key }) => key !== 'default')
    .map(({ key, name }) => `${key}: ${name}`)
    .sort();

function present() {
  return PEOPLE.map((id) => {
    const user = facts.users.get(id);
    if (!user) return { id, there: false, roles: facts.rolesOf(id) };
    return {
      id,
      there: true,
      email: user.email,
      name: [user.first_name, user.last_name],
      roles: facts.rolesOf(id),
    };
  });
}

function fated(
  letters: readonly Letter[],
  fate: readonly { times: number; place: number }[],
  mayLose: boolean,
): Letter[] {
  return letters
    .flatMap((letter, i) => {
      const { times, place } = fate[i % fate.length] as { times: number; place: number };
      return Array.from({ length: mayLose ? times : Math.max(1, times) }, (_, n) => ({
        letter,
        place: place + n * 37,
      }));
    })
    .sort((a, b) => a.place - b.place)
    .map(({ letter }) => letter);
}

function crashAt(
  crashes: readonly { at: number; how: 'reset' | 'lost' }[],
  turns: readonly number[],
): { mended(): void } {
  let [request, write, mended] = [0, 0, false];
  facts.setFault(async ({ method }) => {
    for (let turn = turns[request++ % turns.length] ?? 0; turn > 0; turn -= 1) await nextTurn();
    if (mended || method === 'GET') return undefined;
    write += 1;
    return crashes.find((c) => c.at === write)?.how;
  });
  return {
    mended() {
      mended = true;
    },
  };
}

async function begin(harness: SyncHarness, byHand: string): Promise<void> {
  facts.reset();
  logto.reset();
  await harness.reset();
  for (const name of ['admin', 'editor', 'viewer', 'unmapped']) {
    logto.role(name);
    logto.organizationRole(name);
  }
  // One person is there before the storm, with grants that a person gave.
  const user = logto.put(byHand, { updatedAt: harness.clock.advance(1) });
  await harness.deliver('User.Created', { data: user });
  await harness.settled();
  facts.grant(byHand, 'default', 'janitor');
  facts.grant(byHand, 'default', 'owner', 'reports:1');
}

async function storm(
  harness: SyncHarness,
  letters: readonly Letter[],
  pauses: readonly number[],
  mend: () => void,
): Promise<void> {
  for (const [i, { event, payload, createdAtMs }] of letters.entries()) {
    await harness.deliver(event, payload, { createdAtMs });
    if (pauses.includes(i)) await harness.settled();
  }
  await harness.settled();
  mend();
  // Eight tries in some six hours: what is not done by then is dead. An answer that came too late on a busy
  // machine costs a try as well, so that their number is not known beforehand.
  for (let i = 0; i < 9 && (await waiting(harness)) > 0; i += 1) await harness.later(3 * 3_600_000);
  expect(await waiting(harness)).toBe(0);
}

async function waiting({ database }: SyncHarness): Promise<number> {
  const { rows } = await database.query<{ n: string }>(
    `select (select count(*) from elp.letter where status = 'open')
          + (select count(*) from elp.subject where touches > touches_done) as n`,
  );
  return Number(rows[0]?.n);
}

async function soon(check: () => void): Promise<void> {
  for (const until = performance.now() + 5000; ; ) {
    try {
      check();
      return;
    } catch (error) {
      if (performance.now() > until) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

/** A second look at deletions may have begun by itself. */
async function reconcileAlone() {
  for (const until = performance.now() + 30_000; ; ) {
    try {
      return await sync.sync.reconcile();
    } catch (error) {
      if (!(error instanceof ReconcileBusy) || performance.now() > until) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

describe('random schedules end as Logto has it', () => {
  it(`shuffled, repeated, lost and crashed, with reconcile: ${RUNS} of ${RUNS}`, async () => {
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(schedule, async ({ actions, fate, crashes, pauses, turns, byHand }) => {
        runs += 1;
        const own = PEOPLE[byHand] as string;
        await begin(sync, own);
        const letters = live(actions, sync.clock);
        const { mended } = crashAt(crashes, turns);
        await storm(sync, fated(letters, fate, true), pauses, mended);
        for (let i = 0; i < 3; i += 1) {
          await reconcileAlone();
          await sync.later(61_000);
        }
        await soon(() => expect(present()).toEqual(oracle(own, true)));
        expect(tenantsPresent()).toEqual(tenantsWanted());
        expect((await reconcileAlone()).total).toBe(0);
      }),
      { numRuns: RUNS, endOnFailure: true },
    );
    expect(runs).toBeGreaterThanOrEqual(RUNS);
  }, 3_600_000);

  it(`shuffled, repeated and crashed, without a Management API: ${RUNS} of ${RUNS}`, async () => {
    await fc.assert(
      fc.asyncProperty(schedule, async ({ actions, fate, crashes, pauses, turns, byHand }) => {
        const own = PEOPLE[byHand] as string;
        await begin(blind, own);
        const letters = live(actions, blind.clock);
        const { mended } = crashAt(crashes, turns);
        await storm(blind, fated(letters, fate, false), pauses, mended);
        await soon(() => expect(present()).toEqual(oracle(own, false)));
        expect(tenantsPresent()).toEqual(tenantsWanted());
        expect(await blind.dead()).toBe(0);
      }),
      { numRuns: RUNS, endOnFailure: true },
    );
  }, 3_600_000);
});
