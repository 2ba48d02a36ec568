import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { planSubject, type SubjectPlan, type SubjectView, type Wanted } from '../../src/sync/plan-subject.ts';
import type { Assignment, DirectoryUser } from '../../src/sync/ports.ts';
import {
  assignmentId,
  type ManagedGrant,
  type SubjectRecord,
  unknownSubject,
} from '../../src/sync/subject-record.ts';

const defaults = { tenant: 'default', role: 'viewer' };

type World = {
  record: SubjectRecord;
  grants: ManagedGrant[];
  user: DirectoryUser | undefined;
  held: Assignment[];
};

const nobody = (): World => ({ record: unknownSubject('user:u'), grants: [], user: undefined, held: [] });

const wants = (over: Partial<Wanted> = {}): Wanted => ({
  state: 'active',
  registered: true,
  registration: false,
  profile: { email: 'u@example.com' },
  roles: [],
  left: [],
  ...over,
});

const give = (tenant: string, role: string, resourceInstance?: string): Assignment => ({
  user: 'u',
  tenant,
  role,
  ...(resourceInstance ? { resourceInstance } : {}),
});

const names = (held: readonly Assignment[]) =>
  held.map((a) => `${a.tenant}/${a.role}${a.resourceInstance ? `@${a.resourceInstance}` : ''}`).sort();

function view(world: World): SubjectView {
  return {
    key: 'u',
    record: world.record,
    grants: world.grants,
    present: { user: world.user, assignments: world.held },
    defaults,
  };
}

/** Does what a plan says, as the worker would. `upTo` steps only: a crash. */
function act(world: World, plan: SubjectPlan, upTo = Number.POSITIVE_INFINITY): World {
  const next: World = {
    ...world,
    record: { ...world.record, ...plan.record, known: true },
    grants: [
      ...world.grants,
      ...plan.keep.filter(
        (g) => !world.grants.some((o) => o.role === g.role && o.tenant === g.tenant && o.source === g.source),
      ),
    ],
    held: [...world.held],
  };
  for (const step of plan.steps.slice(0, upTo)) {
    if (step.do === 'sync-user') next.user = step.user;
    if (step.do === 'delete-user') Object.assign(next, { user: undefined, held: [] });
    if (step.do === 'assign' && !next.held.some((a) => assignmentId(a) === assignmentId(step.assignment)))
      next.held.push(step.assignment);
    if (step.do === 'unassign')
      next.held = next.held.filter((a) => assignmentId(a) !== assignmentId(step.assignment));
  }
  if (upTo < plan.steps.length) return next;
  const state = plan.record.state;
  return {
    ...next,
    record: { ...next.record, snapshot: state === 'suspended' ? plan.record.snapshot : undefined },
    grants:
      state === 'deleted'
        ? []
        : next.grants
            .filter(
              (g) =>
                !plan.forget.some((o) => o.role === g.role && o.tenant === g.tenant && o.source === g.source),
            )
            .map((g) => ({ ...g, done: g.done || state === 'active' })),
  };
}

const run = (world: World, wanted: Wanted) => act(world, planSubject(view(world), wanted));

describe('plan of one subject', () => {
  it('gives the default role once in a life', () => {
    const made = run(nobody(), wants({ registration: true }));
    expect(names(made.held)).toEqual(['default/viewer']);
    const taken = { ...made, held: [] };
    expect(names(run(taken, wants({ registration: true })).held)).toEqual([]);
  });

  it('gives none to somebody whom the directory knew before us, unless he registers', () => {
    const before = { ...nobody(), user: { key: 'u' }, held: [give('acme', 'admin')] };
    expect(names(run(before, wants()).held)).toEqual(['acme/admin']);
    expect(names(run(before, wants({ registration: true })).held)).toEqual(['acme/admin', 'default/viewer']);
  });

  it('takes what Logto gave and took, and nothing that a person gave', () => {
    const made = run(nobody(), wants({ roles: [{ tenant: 'acme', role: 'admin' }] }));
    const byHand = { ...made, held: [...made.held, give('acme', 'editor')] };
    expect(names(run(byHand, wants()).held)).toEqual(['acme/editor', 'default/viewer']);
  });

  it('leaves a role that a person had given before Logto did', () => {
    const made = run(nobody(), wants());
    const byHand = { ...made, held: [...made.held, give('acme', 'admin')] };
    const both = run(byHand, wants({ roles: [{ tenant: 'acme', role: 'admin' }] }));
    expect(names(run(both, wants()).held)).toContain('acme/admin');
  });

  it('a role that was in step before we kept books goes when Logto takes it', () => {
    const before = { ...nobody(), user: { key: 'u' }, held: [give('default', 'admin')] };
    const adopted = run(before, wants({ roles: [{ tenant: 'default', role: 'admin' }] }));
    expect(names(run(adopted, wants()).held)).toEqual([]);
  });

  it('strips a tenant whole when the membership ends', () => {
    const made = run(nobody(), wants({ roles: [{ tenant: 'acme', role: 'admin' }] }));
    const held = [
      ...made.held,
      give('acme', 'editor'),
      give('acme', 'owner', 'reports:1'),
      give('globex', 'viewer'),
    ];
    const left = run({ ...made, held }, wants({ left: ['acme'] }));
    expect(names(left.held)).toEqual(['default/viewer', 'globex/viewer']);
    expect(left.grants.map((g) => g.tenant)).toEqual(['default']);
  });

  it('a suspension takes everything and gives exactly that back', () => {
    const made = run(nobody(), wants({ roles: [{ tenant: 'acme', role: 'admin' }] }));
    const full = {
      ...made,
      held: [...made.held, give('acme', 'editor'), give('acme', 'owner', 'reports:1')],
    };
    const suspended = run(full, wants({ state: 'suspended', roles: [{ tenant: 'acme', role: 'admin' }] }));
    expect(names(suspended.held)).toEqual([]);
    const again = run(suspended, wants({ state: 'suspended', roles: [{ tenant: 'acme', role: 'admin' }] }));
    expect(names(again.held)).toEqual([]);
    const lifted = run(again, wants({ roles: [{ tenant: 'acme', role: 'admin' }] }));
    expect(names(lifted.held)).toEqual(names(full.held));
    expect(lifted.record.snapshot).toBeUndefined();
  });

  it('a role on an object that comes back must not make the object', () => {
    const full = { ...run(nobody(), wants()), held: [give('acme', 'owner', 'reports:1')] };
    const suspended = run(full, wants({ state: 'suspended' }));
    const steps = planSubject(view(suspended), wants()).steps;
    expect(steps).toContainEqual({
      do: 'assign',
      assignment: give('acme', 'owner', 'reports:1'),
      onlyExisting: true,
      held: true,
    });
  });

  it('puts roles right before it writes a profile, which the directory may refuse', () => {
    const made = run(nobody(), wants({ roles: [{ tenant: 'acme', role: 'admin' }] }));
    const renamed = { key: 'u', email: 'new@example.com' };
    const doing = (wanted: Wanted, world = made) =>
      planSubject(view(world), wanted).steps.map((step) => step.do);
    expect(doing(wants({ profile: renamed }))).toEqual(['unassign', 'sync-user']);
    const other = { roles: [{ tenant: 'acme', role: 'editor' }] };
    expect(doing(wants({ profile: renamed, ...other }))).toEqual(['unassign', 'assign', 'sync-user']);
    // Nobody holds a role who is not there.
    expect(doing(wants(other), nobody())).toEqual(['sync-user', 'assign', 'assign']);
    expect(doing(wants({ profile: renamed, state: 'suspended' }))).toEqual([
      'unassign',
      'unassign',
      'sync-user',
    ]);
  });

  it('what Logto takes during a suspension does not come back', () => {
    const made = run(nobody(), wants({ roles: [{ tenant: 'acme', role: 'admin' }] }));
    const suspended = run(made, wants({ state: 'suspended', roles: [] }));
    expect(names(run(suspended, wants()).held)).toEqual(['default/viewer']);
  });

  it('gives and takes no role when nobody can say what Logto has', () => {
    const made = run(nobody(), wants({ roles: [{ tenant: 'acme', role: 'admin' }] }));
    const { roles: _unknown, ...blind } = wants();
    expect(names(run(made, blind).held)).toEqual(['acme/admin', 'default/viewer']);
  });

  it('a tombstone stays one, whatever is wanted', () => {
    const gone = run(run(nobody(), wants()), wants({ state: 'deleted' }));
    expect(gone.user).toBeUndefined();
    expect(planSubject(view(gone), wants({ registration: true })).steps).toEqual([{ do: 'delete-user' }]);
  });

  it('sends the whole user, with what others set there', () => {
    const made = { ...run(nobody(), wants()), user: { key: 'u', attributes: { plan: 'pro' } } };
    expect(planSubject(view(made), wants()).steps).toEqual([
      { do: 'sync-user', user: { key: 'u', email: 'u@example.com', attributes: { plan: 'pro' } } },
    ]);
  });
});

const role = fc.record({
  tenant: fc.constantFrom('default', 'acme', 'globex'),
  role: fc.constantFrom('admin', 'editor', 'viewer'),
});
const wantedArb: fc.Arbitrary<Wanted> = fc.record({
  state: fc.constantFrom('active' as const, 'active' as const, 'suspended' as const),
  registered: fc.constant(true),
  registration: fc.boolean(),
  profile: fc.constantFrom({}, { email: 'a@example.com' }, { firstName: 'A' }),
  roles: fc.uniqueArray(role, { selector: (r) => `${r.tenant}/${r.role}`, maxLength: 4 }),
  left: fc.constant([] as string[]),
});

describe('plans, whatever happens', () => {
  it('the second plan for one wish is empty', () => {
    fc.assert(
      fc.property(fc.array(wantedArb, { minLength: 1, maxLength: 6 }), (wishes) => {
        const world = wishes.reduce(run, nobody());
        expect(planSubject(view(world), wishes.at(-1) as Wanted).steps).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  it('a crash after any step changes nothing in the end', () => {
    fc.assert(
      fc.property(
        fc.array(wantedArb, { minLength: 1, maxLength: 5 }),
        fc.nat(6),
        fc.nat(6),
        (wishes, at, when) => {
          const whole = wishes.reduce(run, nobody());
          const crashed = wishes.reduce((world, wish, i) => {
            const start = i === at % wishes.length ? act(world, planSubject(view(world), wish), when) : world;
            return run(start, wish);
          }, nobody());
          expect(names(crashed.held)).toEqual(names(whole.held));
          expect(crashed.user).toEqual(whole.user);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('never touches what a person gave, as long as the membership lasts', () => {
    fc.assert(
      fc.property(fc.array(wantedArb, { minLength: 1, maxLength: 5 }), wantedArb, (wishes, last) => {
        const made = run(nobody(), wants());
        const byHand = {
          ...made,
          held: [...made.held, give('acme', 'janitor'), give('acme', 'owner', 'reports:1')],
        };
        const world = [...wishes, { ...last, state: 'active' as const }].reduce(run, byHand);
        expect(names(world.held)).toEqual(expect.arrayContaining(['acme/janitor', 'acme/owner@reports:1']));
      }),
      { numRuns: 300 },
    );
  });

  it('an active user holds exactly what Logto gives beside what is not Logto’s', () => {
    fc.assert(
      fc.property(fc.array(wantedArb, { minLength: 1, maxLength: 5 }), wantedArb, (wishes, last) => {
        const world = [...wishes, { ...last, state: 'active' as const }].reduce(run, nobody());
        const expected = new Set([
          'default/viewer',
          ...(last.roles ?? []).map((r) => `${r.tenant}/${r.role}`),
        ]);
        expect(names(world.held)).toEqual([...expected].sort());
      }),
      { numRuns: 300 },
    );
  });
});
