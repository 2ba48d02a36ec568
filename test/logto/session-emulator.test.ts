import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Registry } from 'prom-client';
import type { LogtoEmulator } from '../../src/emulators/logto/emulator.ts';
import { startEmulatorFor } from '../support/session-emulator.ts';
import { createBrowser, openSessionHarness, type SessionHarness } from '../support/session-harness.ts';

const HOUR_SECONDS = 3_600;

let emulator: LogtoEmulator;
const metrics = new Registry();
let harness: SessionHarness;
beforeAll(async () => {
  harness = await openSessionHarness({
    idleMs: 12 * HOUR_SECONDS * 1_000,
    scopes: ['read:reports'],
    metrics,
    provider: async (baseUrl) => {
      emulator = await startEmulatorFor(baseUrl, { backchannel: true });
      return emulator;
    },
  });
}, 60_000);
afterAll(async () => {
  await harness.close();
  await emulator.close();
});

/** A person with a browser: one jar for the application, one for Logto. */
function openPerson(username: string) {
  const site = harness.browser();
  const logto = createBrowser(emulator.url, emulator.url);
  const csrfOf = (page: string) => /name="(?:csrf|xsrf)" value="([^"]+)"/.exec(page)?.[1] as string;

  return {
    site,
    /** Through Logto's own pages; resolves with the answer of the call-back. */
    async signIn(path = '/logto/sign-in') {
      const started = await site.get(path);
      let at = await logto.get(logto.pathOf(started.headers.location as string));
      if (`${at.headers.location}`.startsWith('/sign-in')) {
        const page = await logto.get(at.headers.location as string);
        const form = { csrf: csrfOf(page.text), identifier: username, password: 'password' };
        const sent = await logto.send('post', '/sign-in', { form });
        at = await logto.get(logto.pathOf(sent.headers.location as string));
      }
      return site.get(site.pathOf(at.headers.location as string));
    },
    async signOutAtLogto(location: string) {
      const page = await logto.get(logto.pathOf(location));
      const form = { xsrf: csrfOf(page.text), logout: 'yes' };
      return logto.send('post', '/oidc/session/end/confirm', { form });
    },
  };
}

const advance = (seconds: number) => {
  emulator.setClock(seconds);
  harness.clock.offsetMs = seconds * 1_000;
};
const switchTo = (person: ReturnType<typeof openPerson>, organizationId: string | null) =>
  person.site.send('post', '/logto/organization', { json: { organizationId } });

describe('with the Logto emulator', () => {
  it('a person signs in, switches the organization, stays for hours, and signs out', async () => {
    const alice = openPerson('alice');
    const arrived = await alice.signIn('/logto/sign-in?returnTo=/reports');
    expect(arrived.headers.location).toBe(`${harness.baseUrl}/reports`);
    expect(await alice.site.whoami()).toMatchObject({ sub: 'alice0000000', tenant: 'default' });

    expect((await switchTo(alice, 'acme00000000')).status).toBe(200);
    expect(await alice.site.whoami()).toMatchObject({ sub: 'alice0000000', tenant: 'acme00000000' });
    expect((await switchTo(alice, 'globex000000')).status).toBe(403);
    expect((await alice.site.whoami()).tenant).toBe('acme00000000');

    for (const hours of [1, 2, 3]) {
      advance(hours * HOUR_SECONDS + 60);
      expect((await alice.site.whoami()).tenant).toBe('acme00000000');
    }
    expect((await switchTo(alice, null)).body).toEqual({ organizationId: null, tenant: 'default' });

    const out = await alice.site.send('post', '/logto/sign-out');
    expect(await alice.site.whoami()).toEqual({ sub: null });
    const left = await alice.signOutAtLogto(out.headers.location as string);
    expect(left.headers.location).toMatch(new RegExp(`^${harness.baseUrl}/?$`));
    advance(0);
  });

  it('the principal is the one of a bearer token', async () => {
    const bob = openPerson('bob');
    await bob.signIn();
    await switchTo(bob, 'acme00000000');
    harness.seen.length = 0;
    await bob.site.whoami();
    const minted = await emulator.mintToken({ user: 'bob', organization: 'acme', scopes: ['read:reports'] });
    const bearer = await harness.verifier.verify(minted.token);
    const [session] = harness.seen;
    const stable = ({ claims, issuedAt, expiresAt, via, clientId, scopes, ...rest }: typeof bearer) => ({
      ...rest,
      scopes: [...scopes].sort(),
    });
    expect(stable(session as typeof bearer)).toEqual(stable(bearer));
    expect(session?.via).toBe('session');
  });

  it('a suspended person is signed out by the next refresh, whatever else was missed', async () => {
    const carol = openPerson('carol');
    await carol.signIn();
    expect((await carol.site.whoami()).sub).toBe('carol0000000');
    const management = await emulator.mintToken({
      machine: 'management0000000000a',
      resource: 'https://default.logto.app/api',
      scopes: ['all'],
    });
    const suspended = await fetch(`${emulator.url}/api/users/carol0000000/is-suspended`, {
      method: 'PATCH',
      headers: { authorization: `Bearer ${management.token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ isSuspended: true }),
    });
    expect(suspended.status).toBe(200);
    advance(HOUR_SECONDS + 60);
    expect(await carol.site.whoami()).toEqual({ sub: null });
    expect(carol.site.sessionCookie()).toBeUndefined();
    advance(0);
  });

  it('the end of the session at Logto ends those of the application', async () => {
    const erin = openPerson('erin');
    await erin.signIn();
    expect((await erin.site.whoami()).sub).toBe('erin00000000');
    const end = `/oidc/session/end?client_id=webapp00000000000000a&post_logout_redirect_uri=${harness.baseUrl}`;
    await erin.signOutAtLogto(`${emulator.url}${end}`);
    await emulator.settled();
    expect(await erin.site.whoami()).toEqual({ sub: null });
  });

  it('Logto being down is 503, and the session goes on after it', async () => {
    const dave = openPerson('dave');
    await dave.signIn();
    emulator.addFault({ match: { path: '/oidc/token' }, reset: true });
    expect((await dave.site.get('/whoami')).status).toBe(503);
    emulator.clearFaults();
    expect((await dave.site.whoami()).sub).toBe('dave00000000');
  });

  it('everything was counted', async () => {
    const text = await metrics.metrics();
    const counted = (event: string) => Number(new RegExp(`event="${event}"} (\\d+)`).exec(text)?.[1] ?? 0);
    expect(counted('signed_in')).toBe(5);
    expect(counted('signed_out')).toBe(1);
    expect(counted('organization_switched')).toBe(3);
    expect(counted('refreshed')).toBeGreaterThan(5);
    expect(counted('refresh_refused')).toBe(1);
    // The switch to an organization of others, and the outage.
    expect(counted('refresh_failed')).toBe(2);
    expect(counted('ended_by_logto')).toBe(1);
  });
});
