import type { Clock } from '../control/emulator-clock.ts';
import type { Seed } from '../seed.ts';
import type { Environment, Settings } from './model/environment.ts';
import { createIds, createStamp, fixedId } from './model/identity.ts';
import { openJournal } from './model/journal.ts';
import { createOrganization, type Organization } from './model/organization.ts';
import { createDecisionLog } from './pdp/decision-log.ts';
import { type SeedFacts, seedFacts } from './seed-facts.ts';
import { type SeedPolicy, seedPolicy } from './seed-policy.ts';
import { seedWorld } from './seed-world.ts';

export type EmulatorState = ReturnType<ReturnType<typeof createEmulatorState>['read']>;

type StateOptions = {
  clock: Clock;
  seed: Seed;
  policy: SeedPolicy | undefined;
  facts: SeedFacts | undefined;
  dataDir: string | undefined;
  propagationDelayMs: number;
  settings: Settings;
};

type Sown = { policy: SeedPolicy | undefined; facts: SeedFacts | undefined };

const KEYS = {
  environment: 'permit_key_environment',
  project: 'permit_key_project',
  organization: 'permit_key_organization',
};

/** Everything the emulator holds: one organization, read back from the data folder or made from the seed. */
export function createEmulatorState(options: StateOptions) {
  const { clock, seed, policy, settings, propagationDelayMs } = options;
  const journal = openJournal(options.dataDir);
  const ids = createIds();
  const stamp = createStamp(clock);
  const organization: Organization = createOrganization({
    journal,
    ids,
    stamp,
    propagationDelayMs,
    settings,
  });
  const decisions = createDecisionLog({ now: () => clock.now() });

  /** What a reset goes back to. */
  let current: Sown = { policy, facts: options.facts };

  function sow(): void {
    journal.batch(() => {
      const base = { id: fixedId('project'), key: 'default', name: 'Default Project' };
      const project = organization.createProject(base, []);
      organization.createKey('org', { secret: KEYS.organization });
      organization.createKey('project', { secret: KEYS.project, project: project.id });
      const fixed = { id: fixedId('environment'), secret: KEYS.environment };
      const row = organization.createEnvironment(project, { key: 'dev', name: 'Development' }, fixed);
      const env = organization.environment(row);
      if (current.policy) seedPolicy(env, current.policy);
      if (current.facts) seedFacts(env, current.facts);
      else seedWorld(env, seed);
    });
  }

  function load(): void {
    if (!organization.restore()) sow();
    for (const environment of organization.live()) environment.replica.settle();
  }

  function startOver(): void {
    journal.batch(() => {
      organization.clear();
      load();
    });
    decisions.clear();
  }

  load();

  return {
    organization,
    decisions,
    keys: KEYS,
    newId: ids.next,
    /** Starts over from another policy, other facts, or both; later resets come back to these. */
    reseed(next: Partial<Sown>): void {
      const before = current;
      current = { ...current, ...next };
      try {
        startOver();
      } catch (error) {
        current = before;
        throw error;
      }
    },
    reset: startOver,
    read: () => ({
      organization: organization.row,
      projects: [...organization.projects.values()],
      environments: [...organization.environments.values()].map((row) => ({
        ...row,
        ...contentOf(organization.environment(row)),
      })),
      decisions: decisions.newestFirst(),
    }),
    /** Ends propagation and waiting callers. */
    close(): void {
      for (const environment of organization.live()) environment.replica.close();
    },
    closeFiles: journal.close,
  };
}

const SHOWN = 1000;

/** What an environment holds: whole counts, and at most a thousand rows of each kind. */
function contentOf(env: Environment) {
  return {
    pending: env.replica.pending(),
    users: shown(env.users),
    tenants: shown(env.tenants),
    roles: shown(env.roles),
    resources: shown(env.resources),
    instances: shown(env.instances),
    assignments: shown(env.assignments),
    tuples: shown(env.tuples),
    conditionSets: shown(env.conditionSets),
    rules: shown(env.rules),
  };
}

function shown<Row>(table: { values(): Iterable<Row>; size(): number }): { count: number; rows: Row[] } {
  const rows: Row[] = [];
  for (const row of table.values()) {
    if (rows.length === SHOWN) break;
    rows.push(row);
  }
  return { count: table.size(), rows };
}
