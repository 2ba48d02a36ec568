import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { lastingRemovals } from '../../src/gate/lasting-removals.ts';
import type { Directory } from '../../src/sync/ports.ts';
import { type Facts, startFacts } from '../support/sync-facts.ts';
import { createLogtoHand, type SyncHarness, startSync } from '../support/sync-harness.ts';
import { type Identities, startIdentities } from '../support/sync-identities.ts';

let facts: Facts;
let logto: Identities;
let sync: SyncHarness;
let hand: ReturnType<typeof createLogtoHand>;
/** What an application's administrator writes through. */
let application: Directory;

beforeAll(async () => {
  facts = await startFacts();
  logto = await startIdentities();
  sync = await startSync({ facts, logto });
  hand = createLogtoHand(logto, sync);
  application = lastingRemovals(sync.directory, sync.database);
});
afterAll(async () => {
  await sync.stop();
  await facts.close();
  await logto.close();
});
beforeEach(async () => {
  facts.reset();
  logto.reset();
  for (const name of ['admin', 'editor', 'viewer']) {
    logto.role(name);
    logto.organizationRole(name);
  }
  await sync.reset();
  await hand.organization('acme');
});

const kept = ['acme/editor', 'acme/reader@reports:1', 'default/janitor', 'default/viewer'];
const [taken] = ['acme/janitor'];

/** Somebody with roles by Logto, by default, by hand and on an object. */
async function begin(number: number): Promise<string> {
  const user = `user${number}`;
  await hand.register(user);
  await hand.join('acme', user, 'editor');
  await sync.settled();
  facts.grant(user, 'acme', 'janitor');
  facts.grant(user, 'default', 'janitor');
  facts.grant(user, 'acme', 'reader', 'reports:1');
  expect(facts.rolesOf(user)).toEqual([...kept, taken].sort());
  return user;
}

/** Runs `work`; just before the worker's request of that number is answered, the role is taken. */
async function takingAt(number: number, user: string, work: () => Promise<void>): Promise<boolean> {
  let [seen, done] = [0, false];
  facts.setFault(async () => {
    seen += 1;
    if (seen !== number) return undefined;
    facts.setFault(undefined);
    await application.unassign({ user, role: 'janitor', tenant: 'acme' });
    done = true;
    return undefined;
  });
  await work();
  await sync.settled();
  facts.setFault(undefined);
  return done;
}

describe('a role that is taken while sync is at work on its holder', () => {
  it('does not come back, wherever in a suspension it happens', async () => {
    let number = 0;
    for (let during = true; during; ) {
      number += 1;
      const user = await begin(number);
      during = await takingAt(number, user, () => hand.suspend(user));
      expect([number, facts.rolesOf(user)]).toEqual([number, []]);
      await hand.suspend(user, false);
      await sync.settled();
      expect([number, facts.rolesOf(user)]).toEqual([number, during ? kept : [...kept, taken].sort()]);
    }
    expect(number).toBeGreaterThan(5);
  });

  it('does not come back, wherever in the end of a suspension it happens', async () => {
    let number = 0;
    for (let during = true; during; ) {
      number += 1;
      const user = await begin(number);
      await hand.suspend(user);
      await sync.settled();
      during = await takingAt(number, user, () => hand.suspend(user, false));
      expect([number, facts.rolesOf(user)]).toEqual([number, during ? kept : [...kept, taken].sort()]);
    }
    expect(number).toBeGreaterThan(5);
  });
});
