import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { revocationMigrations } from '../../src/auth/revocation-migrations.ts';
import { UpstreamUnavailable } from '../../src/errors.ts';
import { sessionMigrations } from '../../src/logto/session-migrations.ts';
import { openTestDatabase } from '../support/database.ts';
import { instanceBeside, openSessionHarness, type SessionHarness } from '../support/session-harness.ts';

let base: SessionHarness;
beforeAll(async () => {
  base = await openSessionHarness();
}, 60_000);
afterAll(() => base.close());

describe('Logto at the first moment', () => {
  it('may be down: 503 for a sign-in, and a sign-out that works all the same', async () => {
    const browser = base.browser();
    for (const fault of ['reset', 'html', { status: 200 }, { status: 500 }] as const) {
      base.oidc.discoveryFault = fault;
      const answer = await browser.get('/logto/sign-in');
      expect(answer.status).toBe(503);
      expect(answer.headers['retry-after']).toBe('1');
      expect(answer.headers['set-cookie']).toBeUndefined();
    }
    const out = await browser.send('post', '/logto/sign-out');
    expect(out.status).toBe(303);
    expect(out.headers.location).toBe(`${base.baseUrl}/`);
    base.oidc.discoveryFault = undefined;
    expect((await browser.signIn()).status).toBe(302);
  });

  it('may hang: everybody who comes meanwhile is told by one and the same deadline', async () => {
    const people = await Promise.all(
      Array.from({ length: 4 }, async () => {
        const person = base.browser();
        await person.signIn();
        return person;
      }),
    );
    // Discovery is known to the SDK by the public address; this one has never been asked.
    const { port } = new URL(base.oidc.url);
    const started = await openSessionHarness({
      ...instanceBeside(base),
      endpoint: `http://logto.invalid:${port}`,
      internalEndpoint: base.oidc.url,
    });
    try {
      const returning = people.map(({ jar }) => {
        const browser = started.browser();
        for (const [name, value] of jar) browser.jar.set(name, value);
        return browser;
      });
      base.oidc.discoveryFault = 'hang';
      base.oidc.calls.length = 0;
      const answers = await Promise.all([
        ...returning.map((browser) => browser.get('/whoami')),
        ...returning.map(() => started.browser().get('/logto/sign-in')),
      ]);
      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 503));
      expect(base.oidc.calls.map(({ path }) => path)).toEqual(['/oidc/.well-known/openid-configuration']);

      base.oidc.discoveryFault = undefined;
      for (const browser of returning) expect((await browser.whoami()).sub).toBe('alice0000000');
      expect((await started.browser().get('/logto/sign-in')).status).toBe(302);
    } finally {
      base.oidc.discoveryFault = undefined;
      await started.close();
    }
  });
});

describe('the key set', () => {
  it('when it is something else makes the call-back a 503 too', async () => {
    base.oidc.keySetIsBroken = true;
    try {
      expect((await base.browser().signIn()).status).toBe(503);
    } finally {
      base.oidc.keySetIsBroken = false;
    }
    expect((await base.browser().signIn()).status).toBe(302);
  });

  it('when it cannot be had makes the call-back a 503, not a refusal', async () => {
    const harness = await openSessionHarness({
      ...instanceBeside(base),
      requestIds: false,
      keySet: { candidatesFor: async () => Promise.reject(new UpstreamUnavailable('logto', 'no key set')) },
    });
    const before = (await base.rows()).length;
    try {
      const answer = await harness.browser().signIn();
      expect(answer.status).toBe(503);
      expect(answer.text).not.toContain('Reference');
      expect(await harness.rows()).toHaveLength(before);
    } finally {
      await harness.close();
    }
  });
});

/** 503 while nobody can know whether the person may come in, and the same session goes on afterwards. */
async function keepsItsSessions(harness: SessionHarness, mend: () => void): Promise<void> {
  try {
    const browser = harness.browser();
    await browser.signIn();
    expect((await browser.get('/whoami')).status).toBe(503);
    expect(browser.sessionCookie()).toBeDefined();
    mend();
    expect((await browser.whoami()).sub).toBe('alice0000000');
  } finally {
    await harness.close();
  }
}

describe('the verifier', () => {
  it('when it cannot know makes the request a 503 and leaves the session alone', async () => {
    let known = false;
    const harness = await openSessionHarness({
      ...instanceBeside(base),
      verifier: {
        verify: (...parameters) =>
          known
            ? base.verifier.verify(...parameters)
            : Promise.reject(new UpstreamUnavailable('revocation', 'state is too old')),
      },
    });
    await keepsItsSessions(harness, () => {
      known = true;
    });
  });
});

describe('revocations', () => {
  it('end a session whose row could not be deleted, however new its token is', async () => {
    // Of its own: the other application would delete the row.
    const database = await openTestDatabase([...sessionMigrations, ...revocationMigrations]);
    let tried = false;
    // Two requests that end the same session at the same moment.
    let awaited = 0;
    const bothThere = Promise.withResolvers<void>();
    const failing = {
      ...database,
      query: async (...parameters: Parameters<typeof database.query>) => {
        const [sql] = parameters;
        if (sql.includes('WHERE sub = $1')) {
          tried = true;
          throw new UpstreamUnavailable('database', 'down');
        }
        if (awaited > 0 && sql.startsWith('DELETE')) {
          awaited -= 1;
          if (awaited === 0) bothThere.resolve();
          await bothThere.promise;
        }
        return database.query(...parameters);
      },
    } as typeof database;
    const harness = await openSessionHarness({ database: failing });
    const [old, switching, young] = [harness.browser(), harness.browser(), harness.browser()];
    try {
      harness.oidc.user = 'bob000000000';
      await old.signIn();
      await switching.signIn();
      expect((await old.whoami()).sub).toBe('bob000000000');
      await harness.revocations.revokeSubject('bob000000000', new Date(harness.clock.now()), 'active');
      expect(tried).toBe(true);

      harness.clock.offsetMs = 10_000;
      const json = { organizationId: null };
      expect((await switching.send('post', '/logto/organization', { json })).status).toBe(401);
      awaited = 2;
      const answers = await Promise.all([old.get('/whoami'), old.get('/whoami')]);
      expect(answers.map(({ body }) => body)).toEqual([{ sub: null }, { sub: null }]);
      // Whoever came second leaves the cookie alone: it may be another session's by now.
      expect(answers.filter(({ headers }) => headers['set-cookie'])).toHaveLength(1);
      expect(old.sessionCookie()).toBeUndefined();
      await young.signIn();
      expect((await young.whoami()).sub).toBe('bob000000000');
    } finally {
      await harness.close();
      await database.close();
    }
  });

  it('when they cannot be known make the request a 503 and leave the session alone', async () => {
    let known = false;
    const harness = await openSessionHarness({
      ...instanceBeside(base),
      revocations: {
        ...base.revocations,
        check: (principal) => {
          if (!known) throw new UpstreamUnavailable('revocation', 'state is too old');
          base.revocations.check(principal);
        },
      },
    });
    await keepsItsSessions(harness, () => {
      known = true;
    });
  });
});

describe('the database', () => {
  it('when it is down makes every use of a session a 503, and costs the visitor no session', async () => {
    let down: boolean | 'for DELETE' = false;
    const { database } = base;
    const failing = {
      ...database,
      query: (...parameters: Parameters<typeof database.query>) =>
        down === true || (down && parameters[0].startsWith('DELETE'))
          ? Promise.reject(new UpstreamUnavailable('database', 'down'))
          : database.query(...parameters),
    } as typeof database;
    const second = await openSessionHarness({
      ...instanceBeside(base),
      database: failing,
    });
    const browser = second.browser();
    try {
      await browser.signIn();
      expect((await browser.whoami()).sub).toBe('alice0000000');
      const pending = await browser.begin();
      const pendingToo = await browser.begin();

      down = true;
      expect((await browser.get('/whoami')).status).toBe(503);
      expect((await browser.send('post', '/logto/sign-out')).status).toBe(503);
      expect((await browser.send('get', pending)).status).toBe(503);
      expect((await second.browser().get('/whoami')).status).toBe(200);

      down = 'for DELETE';
      expect((await browser.send('get', pendingToo)).status).toBe(503);
      expect((await browser.send('post', '/logto/sign-out')).status).toBe(503);
      down = false;
      expect((await browser.whoami()).sub).toBe('alice0000000');
    } finally {
      down = false;
      await second.close();
    }
  });
});

describe('LOGTO_INTERNAL_ENDPOINT', () => {
  it('is where the server goes, while browsers are sent to the public address', async () => {
    const inside = await openSessionHarness({ database: base.database });
    // The provider knows itself by a public name that this process cannot reach.
    const port = new URL(inside.oidc.url).port;
    const publicUrl = `http://logto.invalid:${port}`;
    inside.oidc.issuer = `${publicUrl}/oidc`;
    const internalEndpoint = inside.oidc.url;
    inside.oidc.url = publicUrl;
    const { createVerifier } = await import('../../src/auth/verifier.ts');
    const verifier = createVerifier({
      issuers: [inside.oidc.issuer],
      audiences: ['http://localhost:3000/api'],
      jwksUri: `${internalEndpoint}/oidc/jwks`,
      defaultTenant: 'default',
      insecureHosts: ['logto.invalid'],
      clock: inside.clock,
      log: inside.log,
    });
    const outside = await openSessionHarness({
      database: base.database,
      endpoint: publicUrl,
      internalEndpoint,
      issuers: [inside.oidc.issuer],
      verifier,
      keySet: verifier.keySet,
      appSecret: inside.oidc.appSecret,
    });
    try {
      const browser = outside.browser();
      const started = await browser.get('/logto/sign-in');
      const location = started.headers.location as string;
      expect(location.startsWith(`${publicUrl}/oidc/auth?`)).toBe(true);
      const back = await fetch(location.replace(publicUrl, internalEndpoint), { redirect: 'manual' });
      const arrived = await browser.get(browser.pathOf(back.headers.get('location') as string));
      expect(arrived.status).toBe(302);
      expect((await browser.whoami()).sub).toBe('alice0000000');
    } finally {
      await outside.close();
      verifier.close();
      inside.oidc.url = internalEndpoint;
      await inside.close();
    }
  });
});

describe('ending sessions and deleting rows in the background', () => {
  it('only logs a failure', async () => {
    const { createLogtoSession } = await import('../../src/logto/logto-session.ts');
    let revoked: ((sub: string, at: Date, state: 'suspended') => void) | undefined;
    let stopped = false;
    const session = createLogtoSession({
      ...base.sessionOptions,
      database: { ...base.database, query: () => Promise.reject(new Error('broken')) },
      revocations: {
        check: () => undefined,
        onRevoked(listener) {
          revoked = listener;
          return () => {
            stopped = true;
          };
        },
      },
    });
    await session.start();
    await session.start();
    base.logged.length = 0;
    revoked?.('alice0000000', new Date(0), 'suspended');
    await new Promise((resolve) => setImmediate(resolve));
    expect(JSON.stringify(base.logged)).toContain('ending sessions of a revoked subject failed');
    await session.stop();
    await session.stop();
    expect(stopped).toBe(true);
  });
});
