import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { revocationMigrations } from '../../src/auth/revocation-migrations.ts';
import { createRevocationStore } from '../../src/auth/revocation-store.ts';
import { createRevocations, type Revocations } from '../../src/auth/revocations.ts';
import type { Database } from '../../src/database/database.ts';
import { InvalidToken, UpstreamUnavailable } from '../../src/errors.ts';
import { manualClock, silentLog } from '../support/auth-app.ts';
import { type AuthHarness, startAuthHarness } from '../support/auth-harness.ts';
import { openTestDatabase } from '../support/database.ts';
import { until } from '../support/until.ts';

const people = Number(process.env.REVOKED_PEOPLE ?? 5_000);
const clock = manualClock();
const now = () => new Date(clock.now());
const nowSeconds = clock.nowSeconds();

let database: Database;
/** Switches of the line between this instance and its database. */
let line: { down: boolean; deaf: boolean };
let uptimeMs: number;
const instances: Revocations[] = [];
const harnesses: AuthHarness[] = [];

beforeAll(async () => {
  database = await openTestDatabase(revocationMigrations);
});
afterAll(() => database.close());
beforeEach(() => {
  line = { down: false, deaf: false };
  uptimeMs = 0;
});
afterEach(async () => {
  line.down = false;
  await Promise.all(harnesses.splice(0).map((harness) => harness.close()));
  await Promise.all(instances.splice(0).map((instance) => instance.stop()));
  await database.query('delete from elp.revocation');
});

/** The same database over a line that can be cut: what a cable does, not what a stub says. */
function overTheLine(): Database {
  const refuse = () => {
    if (line.down) throw new UpstreamUnavailable('database', 'cable pulled');
  };
  return {
    ...database,
    query: async (sql, parameters) => {
      refuse();
      return database.query(sql, parameters);
    },
    listen: async (channel, onNotice, onState) => {
      refuse();
      return database.listen(channel, (payload) => !line.deaf && onNotice(payload), onState);
    },
  };
}

async function startInstance({ steady = false } = {}): Promise<Revocations> {
  const instance = createRevocations({
    database: overTheLine(),
    clock,
    log: silentLog,
    ...(steady ? { uptimeMs: () => uptimeMs } : {}),
  });
  instances.push(instance);
  await instance.start();
  return instance;
}

const subject = (sub: string, issuedAt = nowSeconds, actor?: string) => ({
  sub,
  issuedAt,
  ...(actor ? { actor } : {}),
});
const refuses = (instance: Revocations, ...who: Parameters<typeof subject>) => {
  try {
    instance.check(subject(...who));
    return false;
  } catch (error) {
    if (error instanceof InvalidToken) return true;
    throw error;
  }
};

const refusesOrStale = (...[instance, ...who]: Parameters<typeof refuses>) => {
  try {
    return refuses(instance, ...who);
  } catch {
    return true;
  }
};

describe('what is refused', () => {
  it('tokens issued up to five seconds after the revocation, of that subject only', async () => {
    const revocations = await startInstance();
    await revocations.revokeSubject('alice', new Date(nowSeconds * 1_000 + 1));
    expect(refuses(revocations, 'alice', nowSeconds - 3_600)).toBe(true);
    expect(refuses(revocations, 'alice', nowSeconds + 6)).toBe(true);
    expect(refuses(revocations, 'alice', nowSeconds + 7)).toBe(false);
    expect(refuses(revocations, 'bob', nowSeconds)).toBe(false);
  });

  it.each(['suspended', 'deleted'] as const)('every token while the subject is %s', async (state) => {
    const revocations = await startInstance();
    await revocations.revokeSubject('alice', now(), state);
    expect(refuses(revocations, 'alice', nowSeconds + 86_400)).toBe(true);
  });

  it('only the old tokens once a suspension has ended', async () => {
    const revocations = await startInstance();
    await revocations.revokeSubject('alice', now(), 'suspended');
    await revocations.revokeSubject('alice', new Date(clock.now() + 60_000), 'active');
    expect(refuses(revocations, 'alice', nowSeconds + 65)).toBe(true);
    expect(refuses(revocations, 'alice', nowSeconds + 66)).toBe(false);
  });

  it('still everything when an older word comes late', async () => {
    const revocations = await startInstance();
    await revocations.revokeSubject('alice', now(), 'deleted');
    await revocations.revokeSubject('alice', new Date(clock.now() - 1), 'active');
    expect(refuses(revocations, 'alice', nowSeconds + 86_400)).toBe(true);
  });

  it.each(['suspended', 'deleted'] as const)(
    'everything still when one who is %s is revoked',
    async (state) => {
      const revocations = await startInstance();
      await revocations.revokeSubject('alice', now(), state);
      await revocations.revokeSubject('alice', new Date(clock.now() + 60_000));
      expect(refuses(revocations, 'alice', nowSeconds + 86_400)).toBe(true);
      // The end of the suspension was before that revocation, and is heard of after it.
      await revocations.revokeSubject('alice', new Date(clock.now() + 30_000), 'active');
      expect(refuses(revocations, 'alice', nowSeconds + 65)).toBe(true);
      expect(refuses(revocations, 'alice', nowSeconds + 66)).toBe(false);
    },
  );

  it('everything after a suspension that is heard of behind a later revocation', async () => {
    const revocations = await startInstance();
    await revocations.revokeSubject('alice', now());
    await revocations.revokeSubject('alice', new Date(clock.now() - 1_000), 'suspended');
    expect(refuses(revocations, 'alice', nowSeconds + 86_400)).toBe(true);
    await revocations.revokeSubject('alice', new Date(clock.now() - 2_000), 'active');
    expect(refuses(revocations, 'alice', nowSeconds + 86_400)).toBe(true);
  });

  it('a token that a revoked person acts with for somebody else', async () => {
    const revocations = await startInstance();
    await revocations.revokeSubject('support', now(), 'suspended');
    expect(refuses(revocations, 'alice', nowSeconds, 'support')).toBe(true);
    expect(refuses(revocations, 'alice', nowSeconds, 'other')).toBe(false);
  });

  it('on the request too, after a hit in the token cache', async () => {
    const revocations = await startInstance();
    const harness = await startAuthHarness({ revocations, tokenCacheTtlMs: 30_000 });
    harnesses.push(harness);
    const mine = harness.token({ sub: 'alice' });
    const acted = harness.token({ sub: 'bob', act: { sub: 'alice' } });
    const others = harness.token({ sub: 'bob' });
    for (const token of [mine, acted, others]) expect((await harness.ask(token)).status).toBe(200);
    await revocations.revokeSubject('alice', now());
    expect((await harness.ask(mine, 'revoked')).status).toBe(401);
    expect((await harness.ask(acted, 'revoked')).status).toBe(401);
    expect(harness.verifier.recognizes(mine)).toBeUndefined();
    expect(harness.verifier.recognizes(acted)).toBeUndefined();
    expect(harness.verifier.recognizes(others)).toBe('bob');
    expect(harness.app.runs('revoked')).toBe(0);
    expect((await harness.ask(others)).status).toBe(200);
  });
});

describe('several instances', () => {
  it('hear of it within a second, and tell their listeners once', async () => {
    const [first, second] = [await startInstance(), await startInstance()];
    const told: string[] = [];
    const stop = second.onRevoked((sub, at, state) => told.push(`${sub} ${at.toISOString()} ${state}`));
    await first.revokeSubject('alice', now(), 'suspended');
    await until(() => refuses(second, 'alice'), 1_000);
    expect(refuses(first, 'alice')).toBe(true);
    expect(told).toEqual([`alice ${now().toISOString()} suspended`]);
    stop();
    await first.revokeSubject('bob', now());
    await until(() => refuses(second, 'bob'), 1_000);
    expect(told).toHaveLength(1);
  });

  it('are told nothing of what is said again, or too late, and know it all the same', async () => {
    const first = await startInstance();
    const told: string[] = [];
    first.onRevoked((sub, _at, state) => told.push(`${sub} ${state}`));
    await first.revokeSubject('alice', now(), 'active');
    const { rows: before } = await database.query('select version from elp.revocation');
    await first.revokeSubject('alice', now(), 'active');
    await first.revokeSubject('alice', now());
    await first.revokeSubject('alice', new Date(clock.now() - 1), 'deleted');
    expect((await database.query('select version from elp.revocation')).rows).toEqual(before);
    expect(told).toEqual(['alice active']);
    // One that has not heard of it yet knows it by its own vain call.
    line.deaf = true;
    const second = await startInstance();
    await first.revokeSubject('bob', now());
    expect(refuses(second, 'bob')).toBe(false);
    await second.revokeSubject('bob', now());
    expect(refuses(second, 'bob')).toBe(true);
    told.length = 0;
    await first.revokeSubject('alice', now(), 'suspended');
    await first.revokeSubject('alice', new Date(clock.now() + 1), 'suspended');
    expect(told).toEqual(['alice suspended', 'alice suspended']);
  });

  it('find it within two seconds when no notice comes', async () => {
    const [first, second] = [await startInstance(), await startInstance()];
    line.deaf = true;
    await first.revokeSubject('alice', now());
    await until(() => refuses(second, 'alice'), 2_000);
  });

  it('know after a start what was revoked before, without telling it again', async () => {
    await (await startInstance()).revokeSubject('alice', now());
    const late = createRevocations({ database, clock, log: silentLog });
    instances.push(late);
    const told: string[] = [];
    late.onRevoked((sub) => told.push(sub));
    await late.start();
    expect(refuses(late, 'alice')).toBe(true);
    expect(told).toEqual([]);
  });
});

describe('when the database is away', () => {
  it('nothing is answered once the state is older than five seconds', async () => {
    const revocations = await startInstance({ steady: true });
    line.down = true;
    uptimeMs = 5_000;
    expect(() => revocations.check(subject('alice'))).not.toThrow();
    uptimeMs = 5_001;
    expect(() => revocations.check(subject('alice'))).toThrow(UpstreamUnavailable);
    const harness = await startAuthHarness({ revocations });
    harnesses.push(harness);
    expect((await harness.ask(harness.token(), 'stale')).status).toBe(503);
    expect(harness.app.runs('stale')).toBe(0);
    line.down = false;
    await until(() => {
      try {
        revocations.check(subject('alice'));
        return true;
      } catch {
        return false;
      }
    }, 3_000);
  });

  it('a start does not fail, and catches up by itself', async () => {
    line.down = true;
    const revocations = await startInstance();
    expect(() => revocations.check(subject('alice'))).toThrow(UpstreamUnavailable);
    await expect(revocations.revokeSubject('alice', now())).rejects.toThrow(UpstreamUnavailable);
    line.down = false;
    await revocations.revokeSubject('alice', now());
    await until(() => {
      try {
        return refuses(revocations, 'alice');
      } catch {
        return false;
      }
    }, 3_000);
  });
});

describe('rows', () => {
  it('may be as many as a large tenant has people who left', async () => {
    await database.query(
      `insert into elp.revocation (sub, revoked_at, state)
       select 'gone' || n, $1, 'deleted' from generate_series(1, $2::int) n`,
      [now(), people],
    );
    const revocations = await startInstance();
    expect(refuses(revocations, `gone${people}`)).toBe(true);
    expect(refuses(revocations, 'alice')).toBe(false);
  });

  it('are read once, and what came a while ago not again', async () => {
    const store = createRevocationStore({ database, clock });
    await store.put('alice', now(), 'deleted');
    await database.query("update elp.revocation set changed_at = changed_at - interval '2 minutes'");
    const first = await store.changedSince();
    expect(first.revocations).toHaveLength(1);
    expect((await store.changedSince(first.readAt)).revocations).toEqual([]);
    await store.put('bob', now(), 'deleted');
    expect((await store.changedSince(first.readAt)).revocations).toMatchObject([{ sub: 'bob' }]);
  });

  it('that are gone are forgotten by the instance that took them away', async () => {
    const revocations = await startInstance({ steady: true });
    await revocations.revokeSubject('alice', now());
    expect(refuses(revocations, 'alice')).toBe(true);
    clock.advance(31 * 86_400_000);
    uptimeMs += 7 * 3_600_000;
    // The next read is due within a second, and removes what is old.
    await until(() => !refusesOrStale(revocations, 'alice'));
    clock.advance(-31 * 86_400_000);
  });

  it('go after thirty days, but for those who are suspended or deleted', async () => {
    const old = new Date(clock.now() - 31 * 86_400_000);
    const young = new Date(clock.now() - 29 * 86_400_000);
    const revocations = await startInstance();
    await revocations.revokeSubject('long-ago', old);
    await revocations.revokeSubject('lately', young);
    await revocations.revokeSubject('suspended', old, 'suspended');
    await revocations.revokeSubject('deleted', old, 'deleted');
    await startInstance();
    const { rows } = await database.query<{ sub: string }>('select sub from elp.revocation order by sub');
    expect(rows.map(({ sub }) => sub)).toEqual(['deleted', 'lately', 'suspended']);
  });
});
