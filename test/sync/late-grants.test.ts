import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import {
  type RolePayload,
  registerMemberErrands,
  roleTopicOf,
} from '../../src/app/members/member-errands.ts';
import {
  registerReportErrands,
  type SharePayload,
  shareTopicOf,
} from '../../src/app/reports/report-errands.ts';
import { createReportStore } from '../../src/app/reports/report-store.ts';
import { answerableDirectory } from '../../src/gate/answerable-directory.ts';
import { lastingRemovals } from '../../src/gate/lasting-removals.ts';
import { createMemberBook } from '../../src/gate/member-book.ts';
import { inboxMigrations } from '../../src/inbox/inbox-migrations.ts';
import { createOutbox, type Outbox } from '../../src/outbox/outbox.ts';
import { outboxMigrations } from '../../src/outbox/outbox-migrations.ts';
import { syncMigrations } from '../../src/sync/sync-migrations.ts';
import { openTestDatabase } from '../support/database.ts';
import { type Facts, startFacts } from '../support/sync-facts.ts';
import { createLogtoHand, log, type SyncHarness, startSync } from '../support/sync-harness.ts';
import { type Identities, startIdentities } from '../support/sync-identities.ts';

let facts: Facts;
let logto: Identities;
let sync: SyncHarness;
let hand: ReturnType<typeof createLogtoHand>;
let outbox: Outbox;

beforeAll(async () => {
  facts = await startFacts();
  logto = await startIdentities();
  const database = await openTestDatabase([...inboxMigrations, ...syncMigrations, ...outboxMigrations]);
  sync = await startSync({ facts, logto, database });
  hand = createLogtoHand(logto, sync);
  const { clock, queue } = sync;
  outbox = createOutbox({ database, queue, clock, log });
  const directory = answerableDirectory(lastingRemovals(sync.directory, database));
  const members = createMemberBook({ database, directory, defaultTenant: 'default', mirrored: true });
  const application = { outbox, directory, members, forgetDecisions: async () => undefined };
  registerMemberErrands(application);
  registerReportErrands(application, createReportStore({ database, clock }));
});
afterAll(async () => {
  await outbox.stop();
  await sync.stop();
  await facts.close();
  await logto.close();
});
beforeEach(async () => {
  facts.reset();
  logto.reset();
  for (const name of ['admin', 'editor', 'viewer']) logto.organizationRole(name);
  await sync.reset();
  await sync.database.query('truncate elp.errand cascade');
  await hand.organization('acme');
  await sync.settled();
  facts.instances.set('reports:1', 'acme');
});

const role: Grant = async (user) => {
  const payload: RolePayload = { user, tenant: 'acme', role: 'admin' };
  await outbox.perform('role-given', {
    ifInterrupted: 'finish',
    topic: roleTopicOf(payload),
    prepare: async () => ({ payload, answer: null }),
  });
};
const share: Grant = async (userId) => {
  const payload: SharePayload = { id: '1', tenant: 'acme', userId };
  await outbox.perform('report-shared', {
    ifInterrupted: 'finish',
    topic: shareTopicOf('1', userId),
    prepare: async () => ({ payload, answer: null }),
  });
};
type Grant = (user: string) => Promise<void>;
const GRANTS: [string, Grant, string][] = [
  ['a role', role, 'acme/admin'],
  ['a share', share, 'acme/reader@reports:1'],
];

/** A member with a role by Logto and one by hand. */
async function begin(number: number): Promise<string> {
  const user = `user${number}`;
  await hand.register(user);
  await hand.join('acme', user, 'editor');
  await sync.settled();
  facts.grant(user, 'acme', 'janitor');
  return user;
}

const inAcme = (user: string) => facts.rolesOf(user).filter((text) => text.startsWith('acme/'));

/** Runs `work`; just before Permit answers the request of that number, `meanwhile` happens. */
async function happeningAt(
  number: number,
  meanwhile: () => Promise<unknown>,
  work: () => Promise<unknown>,
): Promise<boolean> {
  let [seen, happened] = [0, false];
  facts.setFault(async () => {
    seen += 1;
    if (seen !== number) return undefined;
    facts.setFault(undefined);
    happened = true;
    await meanwhile();
    return undefined;
  });
  await work();
  facts.setFault(undefined);
  await sync.settled();
  await outbox.drain();
  return happened;
}

async function leave(user: string): Promise<void> {
  await hand.leave('acme', user);
  await sync.settled();
}

describe.each(GRANTS)('%s that is given while a membership ends', (_what, grant, given) => {
  it('goes with it, wherever in the end of the membership it comes', async () => {
    let number = 0;
    for (let during = true; during; ) {
      number += 1;
      const user = await begin(number);
      // Too late for the one is too early for the other: either it is refused, or sync sees it.
      during = await happeningAt(
        number,
        () => grant(user).catch(() => undefined),
        () => leave(user),
      );
      expect([number, inAcme(user)]).toEqual([number, []]);
      expect(await outbox.stats()).toMatchObject({ open: 0 });
    }
    expect(number).toBeGreaterThan(4);
  });

  it('goes with it, wherever in the giving the membership ends', async () => {
    let number = 0;
    for (let during = true; during; ) {
      number += 1;
      const user = await begin(number);
      let status = 200;
      during = await happeningAt(
        number,
        () => leave(user),
        () => grant(user).catch((error) => (status = error.status)),
      );
      expect([number, status]).toEqual([number, during ? 403 : 200]);
      expect([number, inAcme(user)]).toEqual([
        number,
        during ? [] : ['acme/editor', 'acme/janitor', given].sort(),
      ]);
    }
    expect(number).toBeGreaterThan(2);
  });
});

it.each(GRANTS)(
  '%s that an outage left open waits for the end of a suspension',
  async (_what, grant, given) => {
    const user = await begin(1);
    facts.setFault(({ method }) => (method === 'POST' ? { status: 503 } : undefined));
    await expect(grant(user)).rejects.toMatchObject({ status: 503 });
    facts.setFault(undefined);
    await hand.suspend(user);
    await sync.settled();
    sync.clock.advance(10_000);
    await outbox.drain();
    expect(facts.rolesOf(user)).toEqual([]);
    expect(await outbox.stats()).toMatchObject({ open: 1 });

    await hand.suspend(user, false);
    await sync.settled();
    sync.clock.advance(600_000);
    await outbox.drain();
    expect(inAcme(user)).toEqual(['acme/editor', 'acme/janitor', given].sort());
    expect(await outbox.stats()).toMatchObject({ open: 0 });
  },
);
