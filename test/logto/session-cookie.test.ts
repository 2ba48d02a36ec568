import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import expressSession from 'express-session';
import supertest from 'supertest';
import {
  createBrowser,
  instanceBeside,
  openSessionHarness,
  type SessionHarness,
  secretOf,
} from '../support/session-harness.ts';

const cookiesSet = (answer: { headers: Record<string, unknown> }) =>
  (answer.headers['set-cookie'] as string[] | undefined) ?? [];

describe('the session id', () => {
  let harness: SessionHarness;
  beforeAll(async () => {
    harness = await openSessionHarness();
  }, 60_000);
  afterAll(() => harness.close());

  it('d-1 is new after a sign-in over a planted one, and the planted one is dead', async () => {
    const attacker = harness.browser();
    await attacker.signIn();
    const planted = attacker.sessionCookie() as string;
    const victim = harness.browser();
    victim.jar.set('elp-session', planted);
    harness.oidc.user = 'bob000000000';
    await victim.signIn();
    harness.oidc.user = 'alice0000000';

    expect(victim.sessionCookie()).not.toBe(planted);
    expect((await victim.whoami()).sub).toBe('bob000000000');
    expect(await attacker.whoami()).toEqual({ sub: null });
  });

  it('d-2 is new after every further sign-in', async () => {
    const browser = harness.browser();
    await browser.signIn();
    const first = browser.sessionCookie() as string;
    const earlier = harness.browser();
    earlier.jar.set('elp-session', first);
    expect((await earlier.whoami()).sub).toBe('alice0000000');

    await browser.signIn();
    expect(browser.sessionCookie()).not.toBe(first);
    expect(await earlier.whoami()).toEqual({ sub: null });
    expect((await browser.whoami()).sub).toBe('alice0000000');
  });

  it('d-3 is new after a switch of organization, and the old one is dead', async () => {
    const browser = harness.browser();
    await browser.signIn();
    const before = browser.sessionCookie() as string;
    const answer = await browser.send('post', '/logto/organization', {
      json: { organizationId: 'acme00000000' },
    });
    expect(answer.status).toBe(200);
    expect(browser.sessionCookie()).not.toBe(before);
    expect((await browser.whoami()).tenant).toBe('acme00000000');
    const earlier = harness.browser();
    earlier.jar.set('elp-session', before);
    expect(await earlier.whoami()).toEqual({ sub: null });
  });

  it('is not guessed when two came: one of them was planted by another host', async () => {
    const [victim, attacker] = [harness.browser(), harness.browser()];
    await victim.signIn();
    harness.oidc.user = 'bob000000000';
    await attacker.signIn();
    harness.oidc.user = 'alice0000000';
    const [own, planted] = [victim.sessionCookie(), attacker.sessionCookie()];
    for (const [first, second] of [
      [own, planted],
      [planted, own],
      [own, own],
      ['junk', own],
    ]) {
      const answer = await supertest(harness.server)
        .get('/whoami')
        .set('Cookie', `elp-session=${first}; elp-session=${second}`);
      expect(answer.status).toBe(400);
      expect(answer.body).toMatchObject({ code: 'invalid_request' });
    }
    expect((await victim.whoami()).sub).toBe('alice0000000');
  });

  it('is found in the database as a hash only, and the tokens are sealed', async () => {
    const browser = harness.browser();
    await browser.signIn();
    const id = decodeURIComponent(browser.sessionCookie() as string)
      .slice(2)
      .split('.')[0] as string;
    const text = JSON.stringify(await harness.rows());
    expect(text).toContain('alice0000000');
    expect(text).not.toContain(id);
    for (const token of harness.oidc.refreshTokens.keys()) expect(text).not.toContain(token);
    expect(text).not.toContain(Buffer.from('{"alg":"ES384"').toString('base64url').slice(0, 12));
  });

  it('means nothing when its signature is forged', async () => {
    const browser = harness.browser();
    await browser.signIn();
    browser.jar.set('elp-session', `${browser.sessionCookie()?.slice(0, -4)}AAAA`);
    expect(await browser.whoami()).toEqual({ sub: null });
  });
});

describe('the session cookie over TLS', () => {
  let harness: SessionHarness;
  let set: string;
  let all: string[];
  beforeAll(async () => {
    harness = await openSessionHarness({ baseUrl: 'https://app.example', trustProxy: 'loopback' });
    const browser = harness.browser();
    const back = await browser.begin();
    const answer = await browser.send('get', back);
    all = cookiesSet(answer);
    set = all.find((line) => line.includes('elp-session')) as string;
    expect((await browser.whoami()).sub).toBe('alice0000000');
  }, 60_000);
  afterAll(() => harness.close());

  it('d-4 has a __Host- name', () => expect(set).toMatch(/^__Host-elp-session=/));
  it('d-5 is Secure', () => expect(set).toMatch(/; Secure(;|$)/));
  it('d-6 is HttpOnly', () => expect(set).toMatch(/; HttpOnly(;|$)/));
  it('d-7 is SameSite=Lax', () => expect(set).toMatch(/; SameSite=Lax(;|$)/));
  it('d-8 has Path=/', () => expect(set).toMatch(/; Path=\/(;|$)/));
  it('d-9 has no Domain', () => expect(set).not.toMatch(/domain/i));
  it('d-10 is under 4 KB, as every cookie of a sign-in is', async () => {
    const browser = harness.browser();
    const started = await browser.send('get', `/logto/sign-in?returnTo=/${'a'.repeat(999)}`);
    const lines = [...all, ...cookiesSet(started)];
    expect(lines.length).toBeGreaterThan(2);
    for (const line of lines) {
      expect(line.length).toBeLessThan(4096);
      expect(line).toMatch(/^__Host-elp-/);
      expect(line).toMatch(/; Secure(;|$)/);
      expect(line).toMatch(/; HttpOnly(;|$)/);
    }
  });

  it('is not given out over plain http', async () => {
    const browser = harness.browser();
    const answer = await browser.send('get', '/logto/sign-in', { headers: { 'X-Forwarded-Proto': 'http' } });
    expect(answer.status).toBe(400);
    expect(answer.text).toContain('over https only');
    expect(cookiesSet(answer)).toEqual([]);
  });
});

describe('the secrets', () => {
  it('rotate: the first signs, all of the list open what was begun before', async () => {
    const harness = await openSessionHarness({ secrets: [secretOf('b'), secretOf('a')] });
    const old = await openSessionHarness({
      ...instanceBeside(harness),
      baseUrl: harness.baseUrl,
      secrets: [secretOf('a')],
    });
    try {
      const before = createBrowser(old.server, harness.baseUrl);
      await before.signIn();
      const pending = await before.begin();

      const after = harness.browser();
      for (const [name, value] of before.jar) after.jar.set(name, value);
      expect((await after.whoami()).sub).toBe('alice0000000');
      expect((await after.send('get', pending)).status).toBe(302);
      expect((await after.whoami()).sub).toBe('alice0000000');
      // Signed by the new secret now, which the old instance does not have.
      before.jar.set('elp-session', after.sessionCookie() as string);
      expect(await before.whoami()).toEqual({ sub: null });
    } finally {
      await old.close();
      await harness.close();
    }
  });
});

describe('in an application that has sessions of its own', () => {
  it('both live side by side, also when ours ends, and ours may be asked for twice', async () => {
    type Visits = { visits?: number };
    const theirs = expressSession({
      name: 'theirs',
      secret: 'theirs',
      resave: false,
      saveUninitialized: true,
    });
    const harness = await openSessionHarness({
      before: [
        theirs,
        (req, res, next) => {
          const session = req.session as Visits;
          session.visits = (session.visits ?? 0) + 1;
          if (req.path === '/visits') res.json(session.visits);
          else next();
        },
      ],
    });
    try {
      const browser = harness.browser();
      await browser.signIn();
      expect((await browser.get('/twice')).body).toEqual({ sub: 'alice0000000', via: 'session' });
      expect((await browser.get('/visits')).body).toBe(4);
      await browser.send('post', '/logto/sign-out');
      expect((await browser.get('/twice')).body).toEqual({ sub: null, via: null });
      expect((await browser.get('/visits')).body).toBe(7);
    } finally {
      await harness.close();
    }
  });
});
