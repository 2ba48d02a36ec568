import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { returnPathOf } from '../../src/logto/return-path.ts';
import { type Browser, openSessionHarness, type SessionHarness } from '../support/session-harness.ts';
import { until } from '../support/until.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

let harness: SessionHarness;
let browser: Browser;
beforeAll(async () => {
  harness = await openSessionHarness();
}, 60_000);
afterAll(() => harness.close());
beforeEach(() => {
  browser = harness.browser();
});
afterEach(() => {
  harness.clock.offsetMs = 0;
});

describe('returnTo', () => {
  const arrivalOf = async (returnTo: string) => {
    const answer = await harness.browser().signIn(`/logto/sign-in?returnTo=${encodeURIComponent(returnTo)}`);
    expect(answer.status).toBe(302);
    return answer.headers.location;
  };
  const home = () => `${harness.baseUrl}/`;

  it('d-30 goes to no other host by two slashes', async () => {
    expect(await arrivalOf('//evil.example/x')).toBe(home());
    expect(await arrivalOf('/.//evil.example')).toBe(home());
    expect(await arrivalOf('/reports?page=2#top')).toBe(`${harness.baseUrl}/reports?page=2#top`);
  });

  it('d-31 goes to no other host by a backslash', async () => {
    expect(await arrivalOf('/\\evil.example')).toBe(home());
    expect(await arrivalOf('/reports\\..\\..\\evil')).toBe(home());
    expect(await arrivalOf('/reports/')).toBe(`${harness.baseUrl}/reports/`);
  });

  it('d-32 takes no scheme', async () => {
    for (const bad of ['https://evil.example/', 'javascript:alert(1)', 'data:text/html,x', 'reports', '']) {
      expect(await arrivalOf(bad)).toBe(home());
    }
    expect(await arrivalOf('/https://fine.example')).toBe(`${harness.baseUrl}/https://fine.example`);
  });

  it('d-33 takes no line break', async () => {
    expect(await arrivalOf('/x\r\nSet-Cookie: a=b')).toBe(home());
    expect(await arrivalOf('/\t/evil.example')).toBe(home());
    expect(await arrivalOf('/x%0d%0ay')).toBe(`${harness.baseUrl}/x%0d%0ay`);
  });

  it('is one text of bounded length, and not the sign-in itself', () => {
    expect(returnPathOf(['/a', '/b'], 'http://x')).toBe('/');
    expect(returnPathOf(`/${'a'.repeat(1_000)}`, 'http://x')).toBe('/');
    expect(returnPathOf('/logto/sign-out', 'http://x')).toBe('/');
  });
});

describe('a session ends', () => {
  it('d-34 after 30 minutes without use, and not while it is used', async () => {
    await browser.signIn();
    for (const minutes of [25, 50, 75]) {
      harness.clock.offsetMs = minutes * MINUTE;
      expect((await browser.whoami()).sub).toBe('alice0000000');
    }
    harness.clock.offsetMs = 75 * MINUTE + 31 * MINUTE;
    expect(await browser.whoami()).toEqual({ sub: null });
  });

  it('d-35 after 12 hours, however busy', async () => {
    await browser.signIn();
    for (let minutes = 20; minutes < 12 * 60; minutes += 20) {
      harness.clock.offsetMs = minutes * MINUTE;
      expect((await browser.whoami()).sub).toBe('alice0000000');
    }
    // A switch of organization gives a new id and no new lease of life.
    const json = { organizationId: 'acme00000000' };
    expect((await browser.send('post', '/logto/organization', { json })).status).toBe(200);
    harness.clock.offsetMs = 12 * HOUR + 1_000;
    expect(await browser.whoami()).toEqual({ sub: null });
  });

  it.each(['suspended', 'deleted'] as const)('d-36 at once when the user is %s', async (state) => {
    harness.oidc.user = `${state}0000`;
    const other = harness.browser();
    await browser.signIn();
    await other.signIn();
    harness.oidc.user = 'alice0000000';
    const third = harness.browser();
    await third.signIn();
    expect((await browser.whoami()).sub).toBe(`${state}0000`);

    await harness.revocations.revokeSubject(`${state}0000`, new Date(harness.clock.now()), state);
    expect(await browser.whoami()).toEqual({ sub: null });
    expect(await other.whoami()).toEqual({ sub: null });
    expect((await third.whoami()).sub).toBe('alice0000000');
    expect((await harness.rows()).filter((row) => row.sub === `${state}0000`)).toEqual([]);
  });

  it('when it began before a revocation, and not when it began after it', async () => {
    const sub = 'revoked00000';
    harness.oidc.user = sub;
    const young = harness.browser();
    await browser.signIn();
    harness.clock.offsetMs = MINUTE;
    await young.signIn();
    harness.oidc.user = 'alice0000000';

    await harness.revocations.revokeSubject(sub, new Date(harness.clock.now() - MINUTE / 2), 'active');
    const left = async () => (await harness.rows()).filter((row) => row.sub === sub).length;
    await until(async () => (await left()) < 2);
    expect(await left()).toBe(1);
    expect(await browser.whoami()).toEqual({ sub: null });
    expect((await young.whoami()).sub).toBe(sub);
  });

  it('by endSessionsOf, which says how many', async () => {
    harness.oidc.user = 'frank0000000';
    await browser.signIn();
    await harness.browser().signIn();
    harness.oidc.user = 'alice0000000';
    expect(await harness.logto.endSessionsOf('frank0000000')).toBe(2);
    expect(await harness.logto.endSessionsOf('frank0000000')).toBe(0);
    expect(await browser.whoami()).toEqual({ sub: null });
  });

  it('and is not brought back by a request that was under way', async () => {
    harness.oidc.user = 'grace0000000';
    await browser.signIn();
    harness.oidc.user = 'alice0000000';
    harness.oidc.beforeToken = () => harness.logto.endSessionsOf('grace0000000');
    await browser.whoami();
    expect(await browser.whoami()).toEqual({ sub: null });
    expect((await harness.rows()).filter((row) => row.sub === 'grace0000000')).toEqual([]);
  });

  it('and its row is deleted', async () => {
    await harness.database.query('DELETE FROM elp.session');
    await browser.signIn();
    await harness.logto.prune();
    expect(await harness.rows()).toHaveLength(1);
    harness.clock.offsetMs = 31 * MINUTE;
    await harness.logto.prune();
    expect(await harness.rows()).toEqual([]);
  });
});

describe('an anonymous visitor', () => {
  it('has no row and gets no cookie, however many they are', async () => {
    await harness.database.query('DELETE FROM elp.session');
    const hits = Number(process.env.ANONYMOUS_HITS ?? 300);
    for (let hit = 0; hit < hits; hit += 30) {
      const answers = await Promise.all(
        Array.from({ length: 30 }, (_, i) => {
          const visitor = harness.browser();
          // A third has a cookie of an old session, a third begins to sign in.
          if (i % 3 === 0) visitor.jar.set('elp-session', 's%3Aold.signature');
          return visitor.get(i % 3 === 1 ? '/logto/sign-in' : '/whoami');
        }),
      );
      for (const answer of answers) {
        expect(answer.status).toBeLessThan(303);
        const cookies = (answer.headers['set-cookie'] as unknown as string[] | undefined) ?? [];
        expect(cookies.filter((line) => line.includes('elp-session'))).toEqual([]);
      }
    }
    expect(await harness.rows()).toEqual([]);
  });
});
