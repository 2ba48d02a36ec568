import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type LogtoEmulator, startLogtoEmulator } from '../../../src/emulators/logto/emulator.ts';
import { demoSeed } from '../../../src/emulators/seed.ts';
import { createManagementCaller, type ManagementCaller } from '../../support/logto-management-caller.ts';
import { openReceiver, type Receiver } from '../../support/logto-receiver.ts';

const organization = 'globex000000';
const members = Array.from({ length: 5_001 }, (_, n) => ({
  ...demoSeed.users[0],
  id: `u${String(n).padStart(11, '0')}`,
  username: `u${n}`,
  primaryEmail: `u${n}@example.com`,
})) as (typeof demoSeed)['users'];
let logto: LogtoEmulator;
let receiver: Receiver;
let call: ManagementCaller;
beforeAll(async () => {
  receiver = await openReceiver('key');
  logto = await startLogtoEmulator({
    seed: { ...demoSeed, users: members },
    webhookUrl: receiver.url,
    webhookSigningKey: 'key',
  });
  call = await createManagementCaller(logto);
});
beforeEach(() => {
  receiver.received.length = 0;
});
afterAll(async () => {
  await logto.close();
  await receiver.close();
});

it('a membership event names five thousand members at most', async () => {
  const userIds = members.map(({ id }) => id);
  await call('POST', `/api/organizations/${organization}/users`, { userIds: userIds.slice(0, 3) });
  await call('PUT', `/api/organizations/${organization}/users`, { userIds });
  await call('PUT', `/api/organizations/${organization}/users`, { userIds: [] });
  await logto.settled();
  const counts = receiver.received.map(({ body }) => [
    (body.addedUserIds as string[] | undefined)?.length,
    (body.removedUserIds as string[] | undefined)?.length,
  ]);
  expect(counts).toEqual([
    [3, undefined],
    [4_998, undefined],
    [undefined, 5_000],
  ]);
});

describe('an event on demand about an organization', () => {
  it.each(['Organization.Created', 'Organization.Data.Updated'])('%s has its data', async (event) => {
    const [sent] = await logto.sendWebhook({ event, organization: 'acme' });
    expect(sent?.payload).toMatchObject({ event, data: { id: 'acme00000000', name: 'acme' } });
  });

  it('Organization.Deleted has none', async () => {
    const [sent] = await logto.sendWebhook({ event: 'Organization.Deleted', organization: 'acme' });
    expect(sent?.payload).toMatchObject({ params: { id: 'acme00000000' } });
    expect(sent?.payload).not.toHaveProperty('data');
  });
});

it('headers of a hook do not stand in for its signature', async () => {
  const [hook] = (await call('GET', '/api/hooks')).body;
  for (const name of ['logto-signature-sha-256', 'Logto-Signature-Sha-256']) {
    const config = { url: receiver.url, headers: { [name]: 'forged', 'x-own': 'kept' } };
    await call('PATCH', `/api/hooks/${hook.id}`, { config });
    await logto.sendWebhook({ event: 'Organization.Deleted', organization: 'acme' });
  }
  expect(receiver.received.map(({ verified, headers }) => [verified, headers['x-own']])).toEqual([
    [true, 'kept'],
    [true, 'kept'],
  ]);
});
