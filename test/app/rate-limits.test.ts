import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type AppStack, startAppStack } from '../support/app-stack.ts';
import { openVisitor, type Visitor } from '../support/app-visitor.ts';

const LIMIT = 12;

let stack: AppStack;
let appUrl: string;
let visitor: Visitor;
beforeAll(async () => {
  stack = await startAppStack({ rateLimitPerMinute: LIMIT });
  appUrl = stack.emulators.gate.baseUrl;
});
afterAll(() => stack.close());
beforeEach(async () => {
  nextMinute();
  visitor = openVisitor(appUrl, stack.emulators.logto.url);
  await visitor.signIn('alice');
});

/** Limits count in whole minutes: each test begins one. */
function nextMinute(): void {
  const { clock } = stack.emulators;
  clock.setOffset(clock.offsetSeconds() + 61 - (Math.floor(clock.now() / 1_000) % 60));
}

const statusesOf = async (count: number, ask: () => Promise<{ status: number }>) => {
  const statuses: number[] = [];
  for (let i = 0; i < count; i += 1) statuses.push((await ask()).status);
  return statuses;
};

async function useUpTheAddress(): Promise<void> {
  const anonymous = () => stack.call(undefined, 'GET', '/api/me');
  expect(await statusesOf(LIMIT, anonymous)).toContain(429);
}

describe('a browser behind an address that is used up', () => {
  it('goes on while it is signed in, on the share of its person', async () => {
    const me = () => visitor.call('GET', '/api/me');
    expect((await me()).status).toBe(200);
    await useUpTheAddress();
    expect(await statusesOf(LIMIT, me)).toEqual([...Array(LIMIT - 1).fill(200), 429]);
  });

  it('is a stranger again once it has signed out, with its old cookie too', async () => {
    expect((await visitor.call('GET', '/api/me')).status).toBe(200);
    await useUpTheAddress();
    const cookie = visitor.app.cookies.get('elp-session') as string;
    expect((await visitor.call('POST', '/logto/sign-out')).status).toBe(303);
    const replayed = await stack.call(undefined, 'GET', '/api/me', undefined, {
      Cookie: `elp-session=${cookie}`,
    });
    expect(replayed.status).toBe(429);
  });
});
