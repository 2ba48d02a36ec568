import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import {
  type Browser,
  createBrowser,
  instanceBeside,
  openSessionHarness,
  type SessionHarness,
} from '../support/session-harness.ts';

const HOUR = 3_600_000;

let harness: SessionHarness;
let browser: Browser;
beforeAll(async () => {
  harness = await openSessionHarness({ idleMs: 10 * HOUR });
}, 60_000);
afterAll(() => harness.close());
beforeEach(async () => {
  browser = harness.browser();
  await browser.signIn();
});
afterEach(() => {
  Object.assign(harness.oidc, {
    tokenFault: undefined,
    rotatesRefreshTokens: false,
    punishesReuse: false,
    omitRefreshToken: false,
    accessToken: {},
    idToken: {},
    ttlSeconds: 3600,
  });
  harness.clock.offsetMs = 0;
});

const rowsOf = async (sub = 'alice0000000') => (await harness.rows()).filter((row) => row.sub === sub).length;
const refreshes = () => harness.oidc.grants('refresh_token');

describe('the access token of a session', () => {
  it('is fetched once and kept until it runs out', async () => {
    const before = refreshes();
    for (let i = 0; i < 3; i++) expect((await browser.whoami()).sub).toBe('alice0000000');
    expect(refreshes()).toBe(before + 1);
    harness.clock.offsetMs = HOUR - 20_000;
    expect((await browser.whoami()).sub).toBe('alice0000000');
    expect(refreshes()).toBe(before + 2);
    expect((await browser.whoami()).sub).toBe('alice0000000');
    expect(refreshes()).toBe(before + 2);
  });

  it('is refreshed once for any number of requests at one time', async () => {
    const before = refreshes();
    const answers = await Promise.all(Array.from({ length: 8 }, () => browser.whoami()));
    expect(answers.map(({ sub }) => sub)).toEqual(Array(8).fill('alice0000000'));
    expect(refreshes()).toBe(before + 1);
  });

  it('survives the rotation of refresh tokens', async () => {
    harness.oidc.rotatesRefreshTokens = true;
    for (const hours of [0, 1, 2]) {
      harness.clock.offsetMs = hours * HOUR;
      expect((await browser.whoami()).sub).toBe('alice0000000');
    }
  });

  it('is asked for again with the newer refresh token when another instance took over', async () => {
    harness.oidc.rotatesRefreshTokens = true;
    const second = await openSecondInstance();
    const elsewhere = createBrowser(second.server, harness.baseUrl);
    elsewhere.jar.set('elp-session', browser.sessionCookie() as string);
    try {
      harness.oidc.beforeToken = async () => {
        // As after a process that stood still for longer than its lease.
        await harness.database.query('UPDATE elp.session SET refresh_until = clock_timestamp()');
        await elsewhere.whoami();
      };
      const before = refreshes();
      expect((await browser.whoami()).sub).toBe('alice0000000');
      // Ours was refused, the other one's answer is in the row.
      expect(refreshes()).toBe(before + 2);
    } finally {
      await second.close();
    }
  });

  it('is replaced when its key is gone', async () => {
    expect((await browser.whoami()).sub).toBe('alice0000000');
    await harness.oidc.rotateKey({ keepOld: false });
    harness.clock.offsetMs = 6_000;
    // The verifier learns the new key from the first token that names it.
    const before = refreshes();
    harness.clock.offsetMs = 700_000;
    expect((await browser.whoami()).sub).toBe('alice0000000');
    expect(refreshes()).toBe(before + 1);
  });
});

/** Another instance of the application on the same database and provider. */
const openSecondInstance = () => openSessionHarness({ ...instanceBeside(harness), baseUrl: harness.baseUrl });

describe('an outage of Logto', () => {
  it.each([
    ['hangs', 'hang' as const],
    ['resets', 'reset' as const],
    ['answers 500', { status: 500 }],
    ['answers 500 with an OAuth error', { status: 500, error: 'invalid_grant' }],
    ['answers 408', { status: 408, error: 'invalid_grant' }],
    ['answers 429', { status: 429, error: 'slow_down' }],
    ['answers a refusal without a reason', { status: 400 }],
    ['answers a web page', 'html' as const],
    ['answers JSON that is no object', 'text' as const],
    ['answers nothing', { status: 204 }],
    ['answers no token', { status: 200 }],
    ['answers without end', 'huge' as const],
    ['sends elsewhere', 'redirect' as const],
    ['refuses our own credentials', { status: 401, error: 'invalid_client' }],
    ['refuses the person without an organization', { status: 403, error: 'access_denied' }],
    ['does not know the resource', { status: 400, error: 'invalid_target' }],
  ])('that %s is 503 and no sign-out', async (_name, fault) => {
    harness.oidc.tokenFault = fault;
    const answer = await browser.get('/whoami');
    expect(answer.status).toBe(503);
    expect(answer.headers['retry-after']).toBe('1');
    expect(answer.headers['set-cookie']).toBeUndefined();
    harness.oidc.tokenFault = undefined;
    expect((await browser.whoami()).sub).toBe('alice0000000');
  });

  it('is not felt while the held token is good', async () => {
    await browser.whoami();
    harness.oidc.tokenFault = 'reset';
    expect((await browser.whoami()).sub).toBe('alice0000000');
  });

  it('a refresh answer with an ID token of somebody else is an outage too', async () => {
    harness.oidc.idToken = { claims: { aud: 'another' } };
    expect((await browser.get('/whoami')).status).toBe(503);
    harness.oidc.idToken = {};
    expect((await browser.whoami()).sub).toBe('alice0000000');
  });

  it('after the refresh token was rotated loses nothing: the new one is kept at once', async () => {
    Object.assign(harness.oidc, { rotatesRefreshTokens: true, punishesReuse: true });
    harness.oidc.idToken = { claims: { aud: 'another' } };
    expect((await browser.get('/whoami')).status).toBe(503);
    expect((await browser.get('/whoami')).status).toBe(503);
    harness.oidc.idToken = {};
    expect((await browser.whoami()).sub).toBe('alice0000000');
  });
});

describe('the end of the session', () => {
  it('is a refused refresh token', async () => {
    const before = await rowsOf();
    harness.oidc.refreshTokens.clear();
    const answer = await browser.get('/whoami');
    expect(answer.body).toEqual({ sub: null });
    expect(browser.sessionCookie()).toBeUndefined();
    expect(await rowsOf()).toBe(before - 1);
  });

  it('is the first token that runs out when Logto gave no refresh token', async () => {
    harness.oidc.omitRefreshToken = true;
    await browser.signIn();
    expect(await browser.whoami()).toEqual({ sub: null });
  });

  it.each([
    ['of another person', { claims: { sub: 'bob000000000' } }],
    ['that is opaque', { opaque: true }],
    ['of another API', { claims: { aud: 'http://localhost:3000/other' } }],
  ])('is an access token %s, twice in a row', async (_name, fault) => {
    const [before, asked] = [await rowsOf(), refreshes()];
    harness.oidc.accessToken = fault;
    expect(await browser.whoami()).toEqual({ sub: null });
    expect(refreshes()).toBe(asked + 2);
    expect(await rowsOf()).toBe(before - 1);
  });

  it('while a refresh is refused is no error', async () => {
    harness.oidc.beforeToken = async () => {
      await harness.logto.endSessionsOf('alice0000000');
      harness.oidc.refreshTokens.clear();
    };
    expect(await browser.whoami()).toEqual({ sub: null });
  });

  it('is seen by a request that was waiting for its refresh', async () => {
    harness.oidc.tokenFault = { status: 400, error: 'invalid_grant' };
    const answers = await Promise.all([browser.whoami(), browser.whoami()]);
    expect(answers).toEqual([{ sub: null }, { sub: null }]);
  });
});

describe('a session and a bearer token on one request', () => {
  const bearerOf = (sub: string) => {
    const exp = Math.floor(harness.clock.now() / 1_000) + 600;
    const claims = { sub, aud: 'http://localhost:3000/api', client_id: 'spa', exp, jti: 'j' };
    return harness.oidc.sign(claims, { typ: 'at+jwt' });
  };

  it.each(['/whoami', '/both'])('of two people are 400 on %s', async (path) => {
    const answer = await browser.get(path, { Authorization: `Bearer ${await bearerOf('bob000000000')}` });
    expect(answer.status).toBe(400);
    expect(answer.body).toMatchObject({ code: 'invalid_request' });
  });

  it.each(['/whoami', '/both'])('of one person are that person on %s, by the token', async (path) => {
    const answer = await browser.get(path, { Authorization: `Bearer ${await bearerOf('alice0000000')}` });
    expect(answer.body).toMatchObject({ sub: 'alice0000000', via: 'bearer' });
  });

  it('is 401 when the token is bad, and the session when it is Basic', async () => {
    expect((await browser.get('/whoami', { Authorization: 'Bearer a.b.c' })).status).toBe(401);
    expect((await browser.get('/whoami', { Authorization: 'Bearer' })).status).toBe(400);
    for (const path of ['/whoami', '/either']) {
      expect((await browser.get(path, { Authorization: 'Basic eDp5' })).body.sub).toBe('alice0000000');
    }
    expect((await harness.browser().get('/either', { Authorization: 'Basic eDp5' })).status).toBe(401);
  });

  it('needs no session at all', async () => {
    const stranger = harness.browser();
    const answer = await stranger.get('/both', { Authorization: `Bearer ${await bearerOf('bob000000000')}` });
    expect(answer.body).toEqual({ sub: 'bob000000000', via: 'bearer' });
  });
});
