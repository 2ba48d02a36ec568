import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type LogtoEmulator, startLogtoEmulator } from '../../../src/emulators/logto/emulator.ts';
import { openBrowser } from '../../support/logto-browser.ts';
import { createCodeFlow } from '../../support/logto-code-flow.ts';
import { createManagementCaller, type ManagementCaller } from '../../support/logto-management-caller.ts';
import { until } from '../../support/until.ts';

let logto: LogtoEmulator;
let flow: ReturnType<typeof createCodeFlow>;
let call: ManagementCaller;
/** Takes every webhook and never answers. */
let silent: Server;
const events: string[] = [];
beforeAll(async () => {
  silent = createServer((req) => {
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.on('end', () => events.push(JSON.parse(Buffer.concat(chunks).toString()).event));
  });
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  logto = await startLogtoEmulator({
    webhookUrl: `http://127.0.0.1:${(silent.address() as AddressInfo).port}/`,
  });
  flow = createCodeFlow(logto);
});
beforeEach(async () => {
  await logto.reset();
  call = await createManagementCaller(logto);
  events.length = 0;
});
afterAll(async () => {
  await logto.close();
  silent.close();
  silent.closeAllConnections();
});

type State = { users: { username: string }[]; sessions: unknown[] };

const registration = async (username: string) => {
  const browser = openBrowser(logto.url);
  const form = await browser.visit(flow.authorizationUrl({ first_screen: 'register' }));
  return browser.submit(form, '/register', { username, password: 'password' });
};

describe('a reset', () => {
  it('ends a call’s further webhooks', async () => {
    const [scope] = (logto.state() as { scopes: { id: string }[] }).scopes;
    const role = { name: 'r', description: 'd', scopeIds: [scope?.id] };
    await call('POST', '/api/roles', role);
    await until(() => events.length === 1);
    await logto.reset();
    await logto.settled();
    expect([events, logto.deliveries()]).toEqual([['Role.Scopes.Updated'], []]);
    await (await createManagementCaller(logto))('POST', '/api/roles', role);
    await until(() => events.length === 3);
  });

  it('ends a registration: no webhook, no person, no session of it is left', async () => {
    const answer = registration('leaky');
    await until(() => events.length === 1);
    await logto.reset();
    expect((await answer).status).toBe(422);
    const { users, sessions } = logto.state() as State;
    expect([events, logto.deliveries(), sessions]).toEqual([['User.Created'], [], []]);
    expect(users.some(({ username }) => username === 'leaky')).toBe(false);
    await registration('lasting');
    expect((logto.state() as State).sessions).toHaveLength(1);
  });

  it('ends a duplicate before its second copy', async () => {
    const sent = logto.sendWebhook({ event: 'User.Created', user: 'bob', fault: 'duplicate' });
    await until(() => events.length === 1);
    await logto.reset();
    await sent;
    expect([events, logto.deliveries()]).toEqual([['User.Created'], []]);
  });
});
