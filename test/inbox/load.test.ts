import { describe, expect, it } from '@jest/globals';
import { type InboxDesk, openInbox, useInbox } from '../support/inbox-desk.ts';
import { until } from '../support/until.ts';

const backlog = Number(process.env.BACKLOG ?? 1_500);
const duplicates = Number(process.env.DUPLICATES ?? 2_000);

let world: InboxDesk;
useInbox((desk) => {
  world = desk;
});

describe('urgent letters', () => {
  it('do not wait although every place is taken by work that hangs', async () => {
    let release: () => void = () => undefined;
    const stuck = new Promise<void>((resolve) => {
      release = resolve;
    });
    world.behave = async ({ subject }) => {
      if (subject.startsWith('user:slow')) await stuck;
    };
    for (let n = 0; n < 60; n++) await world.post(`user:slow${n}`);
    await until(() => world.worked.length >= 5);
    await world.post('user:patient');
    await world.post('user:gone', { event: 'User.Deleted', urgent: true });
    await until(() => world.worked.some((work) => work.subject === 'user:gone'), 3_000);
    expect(world.worked.some((work) => work.subject === 'user:patient')).toBe(false);
    release();
    await world.inbox.drain();
    expect(world.worked.some((work) => work.subject === 'user:patient')).toBe(true);
  });

  it('are worked at once although an earlier letter of the same subject waits for its next try', async () => {
    world.behave = async () => {
      throw new Error('not now');
    };
    await world.post('user:a');
    await world.inbox.drain();
    world.behave = async () => undefined;
    await world.post('user:a', { event: 'User.SuspensionStatus.Updated', urgent: true });
    await until(() => world.worked.length === 2);
    expect(world.worked[1]?.letters).toHaveLength(2);
    await world.inbox.drain();
    expect((await world.inbox.stats()).backlog).toBe(0);
  });
});

describe('urgent letters whose first try failed', () => {
  it('go before a backlog that is older', async () => {
    world.behave = async () => {
      throw new Error('not now');
    };
    await world.post('user:suspended', { event: 'User.SuspensionStatus.Updated', urgent: true });
    await world.inbox.drain();
    await world.inbox.pause('so that they pile up');
    world.clock.ms -= 60_000;
    await Promise.all(Array.from({ length: 400 }, (_, n) => world.post(`user:${n}`)));
    world.clock.ms += 3_600_000;
    await world.inbox.drain();
    world.worked.length = 0;
    world.behave = async () => undefined;
    await world.inbox.resume();
    await world.inbox.drain();
    const order = world.worked.map(({ subject }) => subject);
    expect(new Set(order).size).toBe(401);
    expect(order.indexOf('user:suspended')).toBeLessThan(20);
  });
});

describe('an inbox that stops in the middle of a backlog', () => {
  it('looks for no more', async () => {
    const other = await openInbox({ concurrency: 1 });
    const { query } = other.database;
    let [stopped, looks] = [false, 0];
    other.database.query = (sql, parameters) => {
      if (stopped && sql.includes('due_subjects')) looks += 1;
      return query(sql, parameters);
    };
    await other.inbox.pause('so that they pile up');
    await Promise.all(Array.from({ length: 400 }, (_, n) => other.post(`user:${n}`)));
    other.behave = () => new Promise((resolve) => setTimeout(resolve, 20));
    await other.inbox.resume();
    await until(() => other.worked.length > 0);
    stopped = true;
    await other.close();
    expect(other.worked.length).toBeLessThan(200);
    expect(looks).toBeLessThan(2);
  });
});

describe('many letters', () => {
  it(
    `c-72 a backlog of ${backlog} drains, none lost, none worked twice`,
    async () => {
      await world.inbox.pause('so that they pile up');
      for (let n = 0; n < backlog; n += 500) {
        await Promise.all(
          Array.from({ length: Math.min(500, backlog - n) }, (_, i) =>
            world.post(`user:${n + i}`, { body: { n: n + i } }),
          ),
        );
      }
      expect((await world.inbox.stats()).backlog).toBe(backlog);
      const seen = new Map<string, number>();
      world.behave = async ({ subject }) => {
        seen.set(subject, (seen.get(subject) ?? 0) + 1);
        world.worked.length = 0;
      };
      const began = performance.now();
      await world.inbox.resume();
      await world.inbox.drain();
      const seconds = (performance.now() - began) / 1_000;
      expect(seen.size).toBe(backlog);
      expect([...seen.values()].every((times) => times === 1)).toBe(true);
      expect((await world.inbox.stats()).backlog).toBe(0);
      if (process.env.BACKLOG) {
        console.info(
          `drained ${Math.round(backlog / seconds)} a second, RSS ${Math.round(process.memoryUsage().rss / 2 ** 20)} MB`,
        );
      }
    },
    30_000 + backlog * 20,
  );

  it(
    `${duplicates} duplicates of one letter are one row and no growth`,
    async () => {
      const body = { event: 'User.Created', n: 1 };
      await world.post('user:a', { body });
      await world.inbox.drain();
      const size = async () => {
        const { rows } = await world.database.query<{ size: string }>(
          "SELECT pg_total_relation_size('elp.letter') + pg_total_relation_size('pgboss.job_common') AS size",
        );
        return Number(rows[0]?.size);
      };
      const before = await size();
      for (let n = 0; n < duplicates; n += 200) {
        await Promise.all(Array.from({ length: 200 }, () => world.post('user:a', { body })));
      }
      expect((await size()) - before).toBeLessThan(2 ** 20);
      expect(await world.inbox.list()).toHaveLength(1);
    },
    30_000 + duplicates * 5,
  );
});
