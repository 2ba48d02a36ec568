import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createBearerAuth } from '../../src/auth/bearer-auth.ts';
import { bearerTokenOf } from '../../src/auth/bearer-grammar.ts';
import type { Database } from '../../src/database/database.ts';
import { UpstreamUnavailable } from '../../src/errors.ts';
import { addressKeyOf } from '../../src/http/address-key.ts';
import { createRateLimits, type RateLimits, type RateLimitsOptions } from '../../src/http/rate-limits.ts';
import { rateLimitMigrations } from '../../src/http/rate-share.ts';
import { silentLog } from '../support/auth-app.ts';
import { type AuthHarness, startAuthHarness } from '../support/auth-harness.ts';
import { openTestDatabase } from '../support/database.ts';
import { type HttpApp, startHttpApp } from '../support/http-app.ts';
import { type RawAnswer, sendRaw } from '../support/http-raw.ts';
import { until } from '../support/until.ts';

const LIMIT = 5;

let harness: AuthHarness;
const started: { app: HttpApp; limits: RateLimits }[] = [];
beforeAll(async () => {
  harness = await startAuthHarness({ tokenCacheTtlMs: 30_000 });
});
afterAll(() => harness.close());
afterEach(async () => {
  for (const { app, limits } of started.splice(0)) {
    await limits.stop();
    await app.close();
  }
});

type Limited = {
  ask: (headers?: string[], path?: string) => Promise<RawAnswer>;
  limits: RateLimits;
  runs: () => number;
};

async function startLimited(options: Partial<RateLimitsOptions> = {}, trustProxy = false): Promise<Limited> {
  const limits = createRateLimits({ perMinute: LIMIT, clock: harness.clock, log: silentLog, ...options });
  let runs = 0;
  const app = await startHttpApp({
    trustProxy,
    routes(express) {
      express.use(limits.perAddress());
      express.post('/api/webhooks/logto', (_req, res) => void res.json({}));
      express.post('/outage', () => {
        throw new UpstreamUnavailable('logto', 'key set');
      });
      express.get(
        '/me',
        createBearerAuth(harness.verifier)(),
        limits.perPrincipal(),
        limits.perPrincipal(),
        (_req, res) => {
          runs += 1;
          res.json({});
        },
      );
    },
  });
  started.push({ app, limits });
  return {
    limits,
    runs: () => runs,
    ask: (headers = [], path = '/me') =>
      sendRaw(app.port, { path, headers, ...(path === '/me' ? {} : { method: 'POST' }) }),
  };
}

const bearer = (sub: string) => [`Authorization: Bearer ${harness.token({ sub })}`];

async function statuses(count: number, ask: () => Promise<RawAnswer>): Promise<number[]> {
  const all: number[] = [];
  for (let i = 0; i < count; i += 1) all.push((await ask()).status);
  return all;
}

/** Windows start on whole minutes. */
const nextWindow = () => harness.clock.advance(60_000);

describe('e-rate limit', () => {
  it('e-37 each principal has a share of its own, over all its tokens', async () => {
    nextWindow();
    const { ask, runs } = await startLimited();
    expect(await statuses(LIMIT, () => ask(bearer('alice')))).toEqual(Array(LIMIT).fill(200));
    const refused = await ask(bearer('alice'));
    expect(refused.status).toBe(429);
    expect(JSON.parse(refused.body)).toMatchObject({ code: 'rate_limited' });
    const seconds = Number(refused.headers['retry-after']);
    expect(seconds).toBeGreaterThan(0);
    expect(seconds).toBeLessThanOrEqual(60);
    expect(runs()).toBe(LIMIT);
    expect((await ask(bearer('bob'))).status).toBe(200);
    harness.clock.advance(seconds * 1_000);
    expect((await ask(bearer('alice'))).status).toBe(200);
  });

  it('e-38 anonymous and failed requests share the address, ahead of any verification', async () => {
    nextWindow();
    const { ask, runs } = await startLimited();
    expect(await statuses(3, () => ask())).toEqual([401, 401, 401]);
    expect(await statuses(2, () => ask(['Authorization: Bearer opaque']))).toEqual([401, 401]);
    expect((await ask()).status).toBe(429);
    expect((await ask(bearer('alice'))).status).toBe(429);
    expect(runs()).toBe(0);
    nextWindow();
    expect((await ask(bearer('alice'))).status).toBe(200);
  });

  it('good requests do not use up the address', async () => {
    nextWindow();
    const { ask } = await startLimited();
    for (const sub of ['a', 'b', 'c', 'd'])
      expect(await statuses(2, () => ask(bearer(sub)))).toEqual([200, 200]);
    expect((await ask()).status).toBe(401);
  });

  it('an outage of ours uses up nothing', async () => {
    nextWindow();
    const { ask } = await startLimited();
    expect(await statuses(LIMIT + 1, () => ask([], '/outage'))).toEqual(Array(LIMIT + 1).fill(503));
    expect(await statuses(LIMIT + 1, () => ask())).toEqual([...Array(LIMIT).fill(401), 429]);
  });

  it('a caller who is known is not locked out by a flood from the same address', async () => {
    nextWindow();
    const { ask } = await startLimited({
      knownCallerOf: (req) => harness.verifier.recognizes(bearerTokenOf(req) ?? ''),
    });
    const known = bearer('alice');
    expect((await ask(known)).status).toBe(200);
    await statuses(LIMIT + 1, () => ask(['Authorization: Bearer opaque']));
    expect((await ask(bearer('stranger'))).status).toBe(429);
    expect((await ask(known)).status).toBe(200);
  });

  it('a caller who is known does without the address on what is their own, wherever they go', async () => {
    nextWindow();
    const { ask } = await startLimited({
      knownCallerOf: (req) => harness.verifier.recognizes(bearerTokenOf(req) ?? ''),
    });
    const known = bearer('alice');
    expect((await ask(known)).status).toBe(200);
    await statuses(LIMIT, () => ask());
    // Nothing on this way asks who is calling: a token that is good elsewhere is no pass.
    expect(await statuses(LIMIT, () => ask(known, '/nowhere'))).toEqual([404, 404, 404, 404, 429]);
    expect((await ask(known)).status).toBe(429);
  });

  it('e-39 a forged X-Forwarded-For changes nothing', async () => {
    nextWindow();
    const { ask } = await startLimited();
    let count = 0;
    const forged = () => {
      count += 1;
      return ask([`X-Forwarded-For: 203.0.113.${count}`, `Forwarded: for=203.0.113.${count}`]);
    };
    expect(await statuses(LIMIT + 1, forged)).toEqual([...Array(LIMIT).fill(401), 429]);
  });

  it('behind a proxy of the operator the forwarded address counts', async () => {
    nextWindow();
    const { ask } = await startLimited({}, true);
    expect(await statuses(LIMIT + 1, () => ask(['X-Forwarded-For: 203.0.113.1']))).toContain(429);
    expect((await ask(['X-Forwarded-For: 203.0.113.2'])).status).toBe(401);
  });

  it('e-40 webhooks are exempt', async () => {
    nextWindow();
    const { ask } = await startLimited({ exempt: (req) => req.path.startsWith('/api/webhooks/') });
    await statuses(LIMIT + 1, () => ask());
    expect(await statuses(LIMIT + 1, () => ask([], '/api/webhooks/logto'))).toEqual(
      Array(LIMIT + 1).fill(200),
    );
  });

  it('what is counted apart is not used up by others of its address, and has its own end', async () => {
    nextWindow();
    const { ask } = await startLimited({ apart: (req) => req.path === '/api/webhooks/logto' });
    expect((await statuses(LIMIT + 1, () => ask())).at(-1)).toBe(429);
    const signed = () => ask([], '/api/webhooks/logto');
    expect(await statuses(LIMIT, signed)).toEqual(Array(LIMIT).fill(200));
    expect((await signed()).status).toBe(429);
  });

  it('zero switches them off', async () => {
    nextWindow();
    const { ask, limits } = await startLimited({ perMinute: 0 });
    limits.start();
    await limits.share();
    expect(await statuses(LIMIT * 3, () => ask(bearer('alice')))).toEqual(Array(LIMIT * 3).fill(200));
  });
});

describe('over several instances', () => {
  let database: Database;
  beforeAll(async () => {
    database = await openTestDatabase(rateLimitMigrations);
  });
  afterAll(() => database.close());

  it('what one has counted is known to the other after an exchange, and nobody is counted twice', async () => {
    nextWindow();
    const [first, second] = [await startLimited({ database }), await startLimited({ database })];
    const share = async () => {
      for (const { limits } of [first, second, first, second]) await limits.share();
    };
    expect(await statuses(2, () => first.ask(bearer('alice')))).toEqual([200, 200]);
    expect(await statuses(1, () => second.ask(bearer('alice')))).toEqual([200]);
    await share();
    await share();
    // The second knows of all three.
    expect(await statuses(3, () => second.ask(bearer('alice')))).toEqual([200, 200, 429]);
    // The first hears of the others with the exchange after each of its own requests.
    await share();
    expect((await first.ask(bearer('alice'))).status).toBe(200);
    await share();
    expect((await first.ask(bearer('alice'))).status).toBe(429);
    const { rows } = await database.query<{ key: string }>('select key from elp.rate_count');
    expect(rows.every(({ key }) => !key.includes('alice'))).toBe(true);
  });

  it('exchanges by itself about once a second, and clears old windows away', async () => {
    nextWindow();
    const { ask, limits } = await startLimited({ database });
    limits.start();
    await ask(bearer('carol'));
    const windows = async () =>
      (await database.query<{ window: string }>('select distinct "window" from elp.rate_count')).rows.length;
    await until(async () => (await windows()) > 0, 3_000);
    nextWindow();
    nextWindow();
    nextWindow();
    await ask(bearer('carol'));
    await limits.share();
    expect(await windows()).toBe(1);
  });

  it('an outage of the database is no outage of the API', async () => {
    nextWindow();
    const broken = { ...database, query: () => Promise.reject(new Error('down')) } as unknown as Database;
    const { ask, limits } = await startLimited({ database: broken });
    expect((await ask(bearer('alice'))).status).toBe(200);
    await limits.share();
    expect(await statuses(LIMIT, () => ask(bearer('alice')))).toEqual([200, 200, 200, 200, 429]);
  });
});

describe('what one address is', () => {
  it.each([
    [undefined, 'address unknown'],
    ['203.0.113.7', 'address 203.0.113.7'],
    ['::ffff:203.0.113.7', 'address 203.0.113.7'],
    ['::FFFF:cb00:7107', 'address 203.0.113.7'],
    ['0:0:0:0:0:ffff:203.0.113.7', 'address 203.0.113.7'],
    ['1::ffff:203.0.113.7', 'address 1:0:0:0'],
    ['2001:db8:0:1::7', 'address 2001:db8:0:1'],
    ['2001:0DB8:0000:0001:0:0:0:7', 'address 2001:db8:0:1'],
    ['no address', 'address no address'],
    ['2001:DB8:0:1:ffff:ffff:ffff:ffff', 'address 2001:db8:0:1'],
    ['2001:db8::7', 'address 2001:db8:0:0'],
    ['fe80::1%eth0', 'address fe80:0:0:0'],
    ['::1', 'address 0:0:0:0'],
    ['::', 'address 0:0:0:0'],
  ])('%s: %s', (ip, key) => {
    expect(addressKeyOf(ip)).toBe(key);
  });
});
