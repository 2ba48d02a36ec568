import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { generateKeyPair, type JWTPayload } from 'jose';
import supertest from 'supertest';
import {
  type Browser,
  instanceBeside,
  openSessionHarness,
  type SessionHarness,
} from '../support/session-harness.ts';
import { until } from '../support/until.ts';

/** Claims to add or, with `undefined`, to leave out. */
type Claims = { [claim: string]: unknown };

const EVENTS = { 'http://schemas.openid.net/event/backchannel-logout': {} };

let harness: SessionHarness;
let browser: Browser;
let jti = 0;
beforeAll(async () => {
  harness = await openSessionHarness({ idleMs: 36_000_000 });
}, 60_000);
afterAll(() => harness.close());
beforeEach(async () => {
  harness.clock.offsetMs = 0;
  Object.assign(harness.oidc, { tokenFault: undefined, accessToken: {}, sid: undefined });
  browser = harness.browser();
  await browser.signIn();
});

const switchTo = (json: unknown, from = browser) => from.send('post', '/logto/organization', { json });

describe('POST /logto/organization', () => {
  it('acts in the organization from now on, and with null in none', async () => {
    const there = await switchTo({ organizationId: 'acme00000000' });
    expect(there.status).toBe(200);
    expect(there.body).toEqual({ organizationId: 'acme00000000', tenant: 'acme00000000' });
    expect((await browser.whoami()).tenant).toBe('acme00000000');
    const back = await switchTo({ organizationId: null });
    expect(back.body).toEqual({ organizationId: null, tenant: 'default' });
    expect((await browser.whoami()).tenant).toBe('default');
  });

  it('refuses an organization that the person is not in, and changes nothing', async () => {
    const before = browser.sessionCookie();
    const answer = await switchTo({ organizationId: 'globex000000' });
    expect(answer.status).toBe(403);
    expect(browser.sessionCookie()).toBe(before);
    expect((await browser.whoami()).tenant).toBe('default');
  });

  it.each([
    {},
    { organizationId: 7 },
    { organizationId: '' },
    { organizationId: 'a b' },
    { organizationId: null, more: 1 },
    [],
  ])('refuses %j', async (json) => {
    const answer = await switchTo(json);
    expect(answer.status).toBe(400);
    expect(answer.body).toMatchObject({ code: 'invalid_input' });
  });

  it('refuses a body that is no JSON, or too large', async () => {
    const headers = { 'Content-Type': 'application/json' };
    expect((await browser.send('post', '/logto/organization', { text: '{', headers })).status).toBe(400);
    expect((await switchTo({ organizationId: 'a'.repeat(3_000) })).status).toBe(413);
    const packed = { ...headers, 'Content-Encoding': 'gzip' };
    const answer = await browser.send('post', '/logto/organization', { text: 'no gzip', headers: packed });
    expect(answer.status).toBe(415);
  });

  it('is for signed-in people, and 503 while Logto is down', async () => {
    expect((await switchTo({ organizationId: null }, harness.browser())).status).toBe(401);
    harness.oidc.tokenFault = 'reset';
    expect((await switchTo({ organizationId: 'acme00000000' })).status).toBe(503);
    harness.oidc.tokenFault = undefined;
    expect((await browser.whoami()).tenant).toBe('default');
  });

  it('is 401 and the end of the cookie when the session is over', async () => {
    harness.oidc.refreshTokens.clear();
    expect((await switchTo({ organizationId: 'acme00000000' })).status).toBe(401);
    expect(browser.sessionCookie()).toBeUndefined();
  });

  it('refuses a token that is for another organization than asked', async () => {
    harness.oidc.accessToken = { claims: { organization_id: 'globex000000' } };
    expect((await switchTo({ organizationId: 'acme00000000' })).status).toBe(401);
  });

  it('keeps the tokens of both ways, so going to and fro asks Logto nothing', async () => {
    await browser.whoami();
    await switchTo({ organizationId: 'acme00000000' });
    const before = harness.oidc.grants('refresh_token');
    await switchTo({ organizationId: null });
    await switchTo({ organizationId: 'acme00000000' });
    expect((await browser.whoami()).tenant).toBe('acme00000000');
    expect(harness.oidc.grants('refresh_token')).toBe(before);
  });
});

describe('a session in an organization', () => {
  it('is refused, never moved to another tenant, once the person has left it', async () => {
    await switchTo({ organizationId: 'acme00000000' });
    harness.oidc.organizations.alice0000000 = [];
    try {
      // Its token of the organization is good for an hour.
      expect((await switchTo({ organizationId: null })).status).toBe(200);
      expect((await switchTo({ organizationId: 'acme00000000' })).status).toBe(200);
      harness.clock.offsetMs = 3_600_000;
      expect((await browser.get('/whoami')).status).toBe(403);
      expect((await switchTo({ organizationId: null })).status).toBe(200);
      expect((await browser.whoami()).tenant).toBe('default');
    } finally {
      harness.oidc.organizations.alice0000000 = ['acme00000000'];
    }
  });
});

const claimsOf = (more: Claims = {}): JWTPayload => {
  jti += 1;
  return {
    sub: 'alice0000000',
    aud: harness.oidc.appId,
    jti: `logout-${jti}`,
    events: EVENTS,
    ...more,
  } as JWTPayload;
};
const post = (token: unknown) =>
  supertest(harness.server)
    .post('/logto/backchannel-logout')
    .type('form')
    .send({ logout_token: token as string });
const logoutToken = (more?: Claims, typ = 'logout+jwt') => harness.oidc.sign(claimsOf(more), { typ });

describe('POST /logto/backchannel-logout', () => {
  it('ends every session of the subject, as Logto sends it: without exp', async () => {
    const other = harness.browser();
    await other.signIn();
    const answer = await post(await logoutToken());
    expect(answer.status).toBe(200);
    expect(answer.text).toBe('');
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(await browser.whoami()).toEqual({ sub: null });
    expect(await other.whoami()).toEqual({ sub: null });
  });

  it('with a sid ends that session, and those that never learnt theirs', async () => {
    const signInWith = async (sid: string) => {
      harness.oidc.sid = sid;
      const other = harness.browser();
      await other.signIn();
      return other;
    };
    const [one, two] = [await signInWith('sid-one'), await signInWith('sid-two')];
    await post(await logoutToken({ sid: 'sid-one' })).expect(200);
    expect(await one.whoami()).toEqual({ sub: null });
    expect((await two.whoami()).sub).toBe('alice0000000');
    expect(await browser.whoami()).toEqual({ sub: null });

    await post(await logoutToken({ sub: undefined, sid: 'sid-two' })).expect(200);
    expect(await two.whoami()).toEqual({ sub: null });
  });

  it('of another person leaves this one alone', async () => {
    await post(await logoutToken({ sub: 'bob000000000' })).expect(200);
    expect((await browser.whoami()).sub).toBe('alice0000000');
  });

  it('refuses its own repetition', async () => {
    const token = await logoutToken();
    await post(token).expect(200);
    await browser.signIn();
    await post(token).expect(400);
    expect((await browser.whoami()).sub).toBe('alice0000000');
  });

  const seconds = () => Math.floor(Date.now() / 1000);
  const refused: [string, () => Promise<unknown>][] = [
    ['an ID token', () => logoutToken({ events: undefined }, 'JWT')],
    ['another type', () => logoutToken({}, 'at+jwt')],
    ['another issuer', () => logoutToken({ iss: 'https://evil.example/oidc' })],
    ['another audience', () => logoutToken({ aud: 'another' })],
    ['another event', () => logoutToken({ events: { 'urn:other': {} } })],
    [
      'events that are a text',
      () => logoutToken({ events: 'http://schemas.openid.net/event/backchannel-logout' }),
    ],
    ['events that are null', () => logoutToken({ events: null })],
    ['a nonce', () => logoutToken({ nonce: 'n' })],
    ['no jti', () => logoutToken({ jti: undefined })],
    ['an empty jti', () => logoutToken({ jti: '' })],
    ['a sub that is no text', () => logoutToken({ sub: 7 })],
    ['a sid that is no text', () => logoutToken({ sid: {} })],
    ['neither sub nor sid', () => logoutToken({ sub: undefined })],
    ['an old one', () => logoutToken({ iat: seconds() - 400 })],
    ['one from the future', () => logoutToken({ iat: seconds() + 60 })],
    ['one that has expired', () => logoutToken({ exp: seconds() - 60 })],
    [
      'a foreign key',
      async () =>
        harness.oidc.sign(claimsOf(), { typ: 'logout+jwt' }, (await generateKeyPair('ES384')).privateKey),
    ],
    [
      'an unknown key',
      () => {
        // Else it would be kept waiting for the next fetch.
        harness.clock.offsetMs = 6_000;
        return harness.oidc.sign(claimsOf(), { typ: 'logout+jwt', kid: 'nobody' });
      },
    ],
    ['no kid', () => harness.oidc.sign(claimsOf(), { typ: 'logout+jwt', kid: undefined } as object)],
    ['rubbish', async () => 'a.b.c'],
    ['nothing', async () => ''],
    ['a list', async () => ['a', 'b']],
  ];
  it.each(refused)('refuses %s', async (_name, make) => {
    const answer = await post(await make());
    expect(answer.status).toBe(400);
    expect(answer.body).toMatchObject({ code: 'invalid_logout_token' });
    expect((await browser.whoami()).sub).toBe('alice0000000');
  });

  it('refuses a body that is no form', async () => {
    const answer = await supertest(harness.server)
      .post('/logto/backchannel-logout')
      .send({ logout_token: await logoutToken() });
    expect(answer.status).toBe(400);
    expect((await supertest(harness.server).post('/logto/backchannel-logout')).status).toBe(400);
    const packed = await post(await logoutToken()).set('Content-Encoding', 'gzip');
    expect(packed.status).toBe(415);
    const members = (count: number) => Array.from({ length: count }, (_, n) => `a${n}=1`).join('&');
    const many = (count: number) =>
      supertest(harness.server).post('/logto/backchannel-logout').type('form').send(members(count));
    expect((await many(1_001)).status).toBe(413);
    expect((await many(1_000)).status).toBe(400);
  });

  it('takes any key of the tenant, whose other keys are tried too', async () => {
    await harness.oidc.rotateKey();
    harness.clock.offsetMs = 6_000;
    await post(await logoutToken()).expect(200);
    harness.clock.offsetMs = 0;
  });
});

describe('a key that was made just after the set was fetched', () => {
  it('signs a logout token and a sign-in that wait for it', async () => {
    const { keySet } = harness.verifier;
    let asked = 0;
    const instance = await openSessionHarness({
      ...instanceBeside(harness),
      clock: harness.clock,
      keySet: {
        candidatesFor(...parameters) {
          asked += 1;
          return keySet.candidatesFor(...parameters);
        },
      },
    });
    /** The answer to what is sent between a fetch with the rotation behind it, and the next one. */
    async function justAfterFetch<T>(send: () => Promise<T>): Promise<T> {
      harness.clock.offsetMs += 6_000;
      await Promise.resolve(keySet.candidatesFor({ kid: 'nobody', alg: 'ES384' })).catch(() => undefined);
      await harness.oidc.rotateKey();
      asked = 0;
      const sent = send();
      await until(() => asked > 0);
      harness.clock.offsetMs += 5_000;
      return sent;
    }
    try {
      const person = instance.browser();
      expect((await justAfterFetch(() => person.signIn())).headers.location).toBe(`${instance.baseUrl}/`);
      expect((await person.whoami()).sub).toBe('alice0000000');
      const token = () => harness.oidc.sign(claimsOf(), { typ: 'logout+jwt' });
      const answer = await justAfterFetch(async () =>
        supertest(instance.server)
          .post('/logto/backchannel-logout')
          .type('form')
          .send({ logout_token: await token() }),
      );
      expect(answer.status).toBe(200);
      expect(await person.whoami()).toEqual({ sub: null });
    } finally {
      await instance.close();
    }
  });
});
