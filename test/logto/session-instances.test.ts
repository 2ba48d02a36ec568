import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { revocationMigrations } from '../../src/auth/revocation-migrations.ts';
import type { Database } from '../../src/database/database.ts';
import { migrate } from '../../src/database/migrate.ts';
import { UpstreamUnavailable } from '../../src/errors.ts';
import { sessionMigrations } from '../../src/logto/session-migrations.ts';
import { createPostgresDatabase, openTestDatabase, postgresUrl } from '../support/database.ts';
import {
  type Browser,
  createBrowser,
  instanceBeside,
  openSessionHarness,
  type SessionHarness,
} from '../support/session-harness.ts';
import { until } from '../support/until.ts';

const HOUR = 3_600_000;
const MIGRATIONS = [...sessionMigrations, ...revocationMigrations];

let first: SessionHarness;
let second: SessionHarness;
let databases: Database[];
let dropDatabase = async () => {};
let leasesAsked = 0;
/** One browser, whose requests go to either instance. */
let browser: Browser;
let elsewhere: Browser;

beforeAll(async () => {
  if (postgresUrl) {
    const postgres = await createPostgresDatabase(postgresUrl);
    dropDatabase = postgres.drop;
    databases = [await postgres.connect(), await postgres.connect()];
    await migrate(databases[0] as Database, MIGRATIONS);
  } else {
    const database = await openTestDatabase(MIGRATIONS);
    databases = [database, database];
  }
  const [one, two] = databases.map(countingLeases) as [Database, Database];
  first = await openSessionHarness({ idleMs: 20 * HOUR, absoluteMs: 40 * HOUR, database: one });
  second = await openSessionHarness({
    ...instanceBeside(first),
    idleMs: 20 * HOUR,
    absoluteMs: 40 * HOUR,
    database: two,
    baseUrl: first.baseUrl,
    clock: first.clock,
  });
}, 60_000);
afterAll(async () => {
  await second.close();
  await first.close();
  await Promise.all([...new Set(databases)].map((database) => database.close()));
  await dropDatabase();
});
beforeEach(async () => {
  first.clock.offsetMs = 0;
  Object.assign(first.oidc, { rotatesRefreshTokens: true, punishesReuse: true, tokenFault: undefined });
  browser = first.browser();
  await browser.signIn();
  elsewhere = createBrowser(second.server, first.baseUrl);
  elsewhere.jar.set('elp-session', browser.sessionCookie() as string);
});

const countingLeases = (database: Database): Database => ({
  ...database,
  query: (...parameters: Parameters<Database['query']>) => {
    if (parameters[0].includes('WITH taken')) leasesAsked += 1;
    return database.query(...parameters);
  },
});
const refreshes = () => first.oidc.grants('refresh_token');
const lease = (until: string) =>
  databases[0]?.query(`UPDATE elp.session SET refresh_owner = 'another', refresh_until = ${until}`);

describe('a session on two instances that share a database', () => {
  it('is refreshed once when both need it at one moment, hour after hour', async () => {
    for (let hour = 0; hour < 4; hour += 1) {
      first.clock.offsetMs = hour * HOUR;
      const before = refreshes();
      const asked = [browser, elsewhere, browser, elsewhere].map((visitor) => visitor.whoami());
      expect((await Promise.all(asked)).map(({ sub }) => sub)).toEqual(Array(4).fill('alice0000000'));
      expect(refreshes()).toBe(before + 1);
    }
  });

  it('is refreshed in turn for two organizations', async () => {
    await browser.whoami();
    const switched = browser.send('post', '/logto/organization', {
      json: { organizationId: 'acme00000000' },
    });
    first.clock.offsetMs = HOUR;
    const [answer, seen] = await Promise.all([switched, elsewhere.get('/whoami')]);
    expect(answer.status).toBe(200);
    expect(seen.status).toBe(200);
    first.clock.offsetMs = 2 * HOUR;
    expect(await browser.whoami()).toMatchObject({ sub: 'alice0000000', tenant: 'acme00000000' });
  });

  it('keeps the tokens of a refresh that was under way while it got a new id', async () => {
    const switchTo = (organizationId: string | null) =>
      browser.send('post', '/logto/organization', { json: { organizationId } });
    await browser.whoami();
    // Its token of the organization lives half an hour longer than that of no organization.
    first.clock.offsetMs = HOUR / 2;
    await switchTo('acme00000000');
    await switchTo(null);
    elsewhere.jar.set('elp-session', browser.sessionCookie() as string);
    let switched = false;
    let switching: Promise<void> | undefined;
    const before = leasesAsked;
    first.oidc.beforeToken = async () => {
      switching = switchTo('acme00000000').then(({ status }) => {
        switched = status === 200;
      });
      await until(() => switched || leasesAsked > before + 1);
    };
    first.clock.offsetMs = HOUR;
    expect((await elsewhere.whoami()).sub).toBe('alice0000000');
    await switching;
    expect(switched).toBe(true);
    first.clock.offsetMs = 2 * HOUR;
    expect(await browser.whoami()).toMatchObject({ sub: 'alice0000000', tenant: 'acme00000000' });
  });

  it('is 503 while the other takes too long, and no sign-out', async () => {
    await lease(`clock_timestamp() + interval '1 hour'`);
    const answer = await browser.get('/whoami');
    expect(answer.status).toBe(503);
    expect(answer.headers['retry-after']).toBe('1');
    expect(answer.headers['set-cookie']).toBeUndefined();
    expect(
      (await browser.send('post', '/logto/organization', { json: { organizationId: null } })).status,
    ).toBe(503);
  });

  it('that got a new id in another tab does not lose it through the answer to this one', async () => {
    await lease(`clock_timestamp() + interval '1 hour'`);
    const before = leasesAsked;
    const late = browser.get('/whoami');
    await until(() => leasesAsked > before);
    await databases[0]?.query(
      `UPDATE elp.session SET id_hash = 'another ' || id_hash, refresh_owner = NULL, refresh_until = NULL`,
    );
    const answer = await late;
    expect(answer.body).toEqual({ sub: null });
    expect(answer.headers['set-cookie']).toBeUndefined();
  });

  it('is 401 when it ends while it waits for a new id', async () => {
    await browser.whoami();
    await lease(`clock_timestamp() + interval '1 hour'`);
    const before = leasesAsked;
    const late = browser.send('post', '/logto/organization', { json: { organizationId: null } });
    await until(() => leasesAsked > before);
    await first.logto.endSessionsOf('alice0000000');
    const answer = await late;
    expect(answer.status).toBe(401);
    expect(answer.headers['set-cookie']).toBeUndefined();
  });

  it('ends with a sign-out that meets its change of id on the other', async () => {
    const other = first.browser();
    await other.signIn();
    await browser.whoami();
    const { query } = databases[0] as Database;
    let meets: (() => Promise<unknown>) | undefined;
    const held = {
      ...(databases[0] as Database),
      query: async (...parameters: Parameters<Database['query']>) => {
        if (parameters[0].startsWith('DELETE FROM elp.session WHERE id_hash')) {
          const meeting = meets;
          meets = undefined;
          await meeting?.();
        }
        return query(...parameters);
      },
    } as Database;
    const third = await openSessionHarness({
      ...instanceBeside(first),
      database: held,
      baseUrl: first.baseUrl,
    });
    try {
      const leaving = createBrowser(third.server, first.baseUrl);
      leaving.jar.set('elp-session', browser.sessionCookie() as string);
      meets = () => browser.send('post', '/logto/organization', { json: { organizationId: null } });
      expect((await leaving.send('post', '/logto/sign-out')).status).toBe(303);
      expect(meets).toBeUndefined();
      expect(browser.sessionCookie()).toBeDefined();
      expect(await browser.whoami()).toEqual({ sub: null });
      expect((await other.whoami()).sub).toBe('alice0000000');
    } finally {
      await third.close();
    }
  });

  it('does not wait for one that has died', async () => {
    await lease('clock_timestamp()');
    expect((await browser.whoami()).sub).toBe('alice0000000');
  });

  it('is free again after a refresh that failed', async () => {
    first.oidc.tokenFault = 'reset';
    expect((await browser.get('/whoami')).status).toBe(503);
    first.oidc.tokenFault = undefined;
    expect((await elsewhere.whoami()).sub).toBe('alice0000000');
  });

  it('is used with what the refresh brought although its lease could not be given back', async () => {
    const { query } = databases[0] as Database;
    const deaf = {
      ...(databases[0] as Database),
      query: (...parameters: Parameters<Database['query']>) =>
        /refresh_owner = NULL, refresh_until = NULL WHERE/.test(parameters[0])
          ? Promise.reject(new UpstreamUnavailable('database', 'down'))
          : query(...parameters),
    } as Database;
    const third = await openSessionHarness({ ...instanceBeside(first), database: deaf });
    try {
      const visitor = third.browser();
      await visitor.signIn();
      expect((await visitor.whoami()).sub).toBe('alice0000000');
      expect((await visitor.whoami()).sub).toBe('alice0000000');
    } finally {
      await third.close();
    }
  });
});
