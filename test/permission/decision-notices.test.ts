import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { systemClock } from '../../src/clock.ts';
import type { Database } from '../../src/database/database.ts';
import { createDecisionCache } from '../../src/permission/decision-cache.ts';
import { createDecisionNotices } from '../../src/permission/decision-notices.ts';
import { type Checker, createChecker } from '../../src/permit/create-checker.ts';
import { openTestDatabase } from '../support/database.ts';
import { type ScriptedPdp, startScriptedPdp } from '../support/permission-pdp.ts';
import { until } from '../support/until.ts';

const log = pino({ level: 'silent' });
const question = (user: string, tenant = 'default') => ({
  user: { key: user },
  action: 'view',
  resource: { type: 'reports', tenant },
});

let database: Database;
let pdp: ScriptedPdp;
beforeAll(async () => {
  [database, pdp] = await Promise.all([openTestDatabase([]), startScriptedPdp()]);
});
afterAll(async () => {
  await pdp.close();
  await database.close();
});

function instance(withDatabase = true): Checker {
  return createChecker({
    pdpUrl: pdp.url,
    apiKey: 'key',
    log,
    cacheTtlMs: 60_000,
    ...(withDatabase ? { database } : { cacheMaxEntries: 50 }),
  });
}

describe('decisions that several instances remember', () => {
  it('are forgotten by all of them when one is told', async () => {
    const [here, there] = [instance(), instance()];
    await Promise.all([here.start(), there.start()]);
    await here.start();
    pdp.decide = () => true;
    for (const checker of [here, there]) expect(await checker.isAllowed(question('alice'))).toBe(true);
    pdp.decide = () => false;
    for (const checker of [here, there]) expect(await checker.isAllowed(question('alice'))).toBe(true);
    await here.forget({ user: 'alice' });
    expect(await here.isAllowed(question('alice'))).toBe(false);
    await until(async () => !(await there.isAllowed(question('alice'))), 5_000);
    await Promise.all([here.stop(), there.stop()]);
  });

  it.each([0, 60_000])(
    'are forgotten when an instance tells that itself remembers for %i ms',
    async (cacheTtlMs) => {
      // As processes of a Postgres are: they need not be configured alike.
      const shared = { ...database, kind: 'postgres' as const };
      const [teller, there] = [
        createChecker({ pdpUrl: pdp.url, apiKey: 'key', log, cacheTtlMs, database: shared }),
        instance(),
      ];
      await Promise.all([teller.start(), there.start()]);
      pdp.decide = () => true;
      expect(await there.isAllowed(question('dora'))).toBe(true);
      pdp.decide = () => false;
      expect(await there.isAllowed(question('dora'))).toBe(true);
      await teller.forget({ user: 'dora' });
      await until(async () => !(await there.isAllowed(question('dora'))), 5_000);
      await Promise.all([teller.stop(), there.stop()]);
    },
  );

  it('are not remembered before the start', async () => {
    const checker = instance();
    pdp.decide = () => true;
    await checker.isAllowed(question('bob'));
    pdp.decide = () => false;
    expect(await checker.isAllowed(question('bob'))).toBe(false);
    await checker.stop();
  });

  it('are dropped whole by a notice that nobody understands', async () => {
    const checker = instance();
    await checker.start();
    pdp.decide = () => true;
    await checker.isAllowed(question('carol'));
    pdp.decide = () => false;
    await database.query('select pg_notify($1, $2)', ['elp_decisions', 'nonsense']);
    await until(async () => !(await checker.isAllowed(question('carol'))), 5_000);
    await checker.stop();
  });

  it('are forgotten by tenant', async () => {
    const checker = instance();
    await checker.start();
    pdp.decide = () => true;
    await checker.isAllowed(question('carol', 'acme'));
    pdp.decide = () => false;
    await database.query('select pg_notify($1, $2)', ['elp_decisions', '{"tenant":"acme"}']);
    await until(async () => !(await checker.isAllowed(question('carol', 'acme'))), 5_000);
    await checker.stop();
  });

  it('are not remembered while the connection that listens is down', async () => {
    const cache = createDecisionCache({
      checker: { isAllowed: async () => true, permissionsOf: async () => ({}) },
      ttlMs: 60_000,
      clock: systemClock,
    });
    let tell: (listening: boolean) => void = () => undefined;
    const notices = createDecisionNotices({
      database: {
        ...database,
        listen: async (_channel, _onNotice, onState) => {
          tell = onState ?? tell;
          return async () => undefined;
        },
      },
      cache,
      log,
    });
    await notices.start();
    await cache.isAllowed(question('alice'));
    expect(cache.size).toBe(1);
    tell(false);
    await cache.isAllowed(question('alice'));
    expect(cache.size).toBe(0);
    tell(true);
    await cache.isAllowed(question('alice'));
    expect(cache.size).toBe(1);
    await notices.stop();
    expect(cache.size).toBe(0);
  });
});

describe('decisions that one process remembers', () => {
  it('are forgotten at once', async () => {
    const checker = instance(false);
    await checker.start();
    pdp.decide = () => true;
    await checker.isAllowed(question('alice'));
    pdp.decide = () => false;
    expect(await checker.isAllowed(question('alice'))).toBe(true);
    await checker.forget({ user: 'alice' });
    expect(await checker.isAllowed(question('alice'))).toBe(false);
    await checker.stop();
  });

  it('are none when nobody asked for a cache', async () => {
    const checker = createChecker({ pdpUrl: pdp.url, apiKey: 'key', log });
    pdp.decide = () => true;
    await checker.isAllowed(question('alice'));
    pdp.decide = () => false;
    expect(await checker.isAllowed(question('alice'))).toBe(false);
    await checker.forget({});
    await checker.stop();
  });
});
