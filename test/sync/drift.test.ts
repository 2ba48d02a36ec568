import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { type Facts, startFacts } from '../support/sync-facts.ts';
import { createLogtoHand, type SyncHarness, startSync } from '../support/sync-harness.ts';
import { type Identities, startIdentities } from '../support/sync-identities.ts';

let facts: Facts;
let logto: Identities;
let sync: SyncHarness;

beforeAll(async () => {
  facts = await startFacts();
  logto = await startIdentities();
  sync = await startSync({ facts, logto });
});
afterAll(async () => {
  await sync.stop();
  await facts.close();
  await logto.close();
});

it('is told also when nearly everything is missing at Logto, and nothing is changed by looking', async () => {
  const hand = createLogtoHand(logto, sync);
  for (let i = 0; i < 6; i += 1) await hand.register(`user${i}`);
  for (let i = 0; i < 3; i += 1) await hand.organization(`organization${i}`);
  await sync.settled();
  expect(await sync.sync.drift({ fresh: true })).toMatchObject({
    outcome: 'done',
    deletions: { candidates: 0 },
  });

  logto.users.clear();
  logto.organizations.clear();
  const writes = facts.writes();
  const drift = await sync.sync.drift({ fresh: true });
  expect(drift).toMatchObject({ dryRun: true, deletions: { candidates: 9 }, finishedAt: expect.any(String) });
  expect(facts.writes()).toBe(writes);
  expect(await sync.sync.drift()).toEqual(drift);
});
