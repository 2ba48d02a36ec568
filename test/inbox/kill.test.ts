import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { inboxMigrations } from '../../src/inbox/inbox-migrations.ts';
import { syncMigrations } from '../../src/sync/sync-migrations.ts';
import { createPostgresDatabase, makeDataDir, postgresUrl } from '../support/database.ts';
import {
  createSender,
  killInboxProcesses,
  newUserId,
  startInboxProcess,
} from '../support/inbox-processes.ts';
import { type Facts, startFacts } from '../support/sync-facts.ts';
import { type Identities, startIdentities } from '../support/sync-identities.ts';
import { until } from '../support/until.ts';

const runs = Number(process.env.KILL_RUNS ?? 3);
const long = process.env.KILL_RUNS !== undefined;
const eventsPerRun = Number(process.env.KILL_EVENTS ?? (long ? 100 : 40));
const share = (part: number) => Math.max(1, Math.floor(runs * part));
const timeoutMs = 60_000 + runs * 30_000;
/** A lease of two seconds, and now and then the real one. */
const leaseOf = (run: number) => (long && run % 20 === 1 ? {} : { leaseMs: 2_000 });

type Place = { options: { url?: string; dataDir?: string }; remove(): Promise<void> };
type Child = Awaited<ReturnType<typeof startInboxProcess>>;
const made = mkdtempSync(join(tmpdir(), 'elp-kill-made-'));

/** The embedded database, or one of its own on Postgres. */
async function newPlace(): Promise<Place> {
  if (postgresUrl) {
    const { url, drop } = await createPostgresDatabase(postgresUrl);
    return { options: { url }, remove: drop };
  }
  const dataDir = mkdtempSync(join(tmpdir(), 'elp-kill-'));
  cpSync(made, dataDir, { recursive: true });
  return { options: { dataDir }, remove: async () => rmSync(dataDir, { recursive: true, force: true }) };
}

let facts: Facts;
let logto: Identities;
let place: Place;
let child: Child | undefined;
let lease: { leaseMs?: number } = {};
const sender = createSender();
const acknowledged = new Set<string>();
const recoveries: number[] = [];

beforeAll(async () => {
  facts = await startFacts();
  logto = await startIdentities();
  if (!postgresUrl) await makeDataDir(made, [...inboxMigrations, ...syncMigrations]);
  place = await newPlace();
}, 60_000);
afterEach(() => facts.setFault(undefined));
afterAll(async () => {
  killInboxProcesses();
  sender.close();
  await facts.close();
  await logto.close();
  await place.remove();
  rmSync(made, { recursive: true, force: true });
});

/** The process that the last kill left to recover, or the first one. */
async function running(next: { leaseMs?: number }): Promise<Child> {
  if (child && lease.leaseMs === next.leaseMs) return child;
  await child?.kill();
  return start(next);
}

async function start(next: { leaseMs?: number }): Promise<Child> {
  lease = next;
  child = await startInboxProcess({
    ...place.options,
    ...next,
    sync: { permitUrl: facts.url, permitKey: 'permit_key_environment', logtoUrl: logto.url },
  });
  return child;
}

/** Somebody signs up at Logto, and the receiver hears of it. */
async function register(to: Child): Promise<string | undefined> {
  const userId = newUserId();
  logto.put(userId);
  const heard = await sender.send(to.port, { userId });
  if (heard) acknowledged.add(userId);
  return heard && userId;
}

/** Ten senders at once, each of which knows of its 200 before it sends on. */
async function sendUntil(
  to: Child,
  over: () => boolean,
  eachTime: (mine: string[]) => void = () => undefined,
) {
  const mine: string[] = [];
  await Promise.all(
    Array.from({ length: 10 }, async () => {
      while (!over()) {
        const sending = register(to);
        eachTime(mine);
        const userId = await sending;
        if (userId) mine.push(userId);
      }
    }),
  );
  return mine;
}

/** Starts anew and works what is left: nobody lost, nobody twice, nobody half. */
async function recover(): Promise<void> {
  facts.setFault(undefined);
  const began = performance.now();
  const next = await start(lease);
  await until(async () => (await next.backlog()) === 0, 90_000);
  recoveries.push(performance.now() - began);
  expect([...acknowledged].filter((userId) => !facts.users.has(userId))).toEqual([]);
  const wrong = [...facts.rolesByUser()].filter(([, roles]) => roles.join() !== 'default/viewer');
  expect(wrong).toEqual([]);
  expect(facts.assignmentCount()).toBe(facts.users.size);
}

const killed = (to: Child) => {
  let over = false;
  return {
    over: () => over,
    strike() {
      if (over) return;
      over = true;
      to.signal('SIGKILL');
    },
  };
};

describe('kill -9 on a receiver that works for Permit', () => {
  it(
    `c-57 after the 200 and before the work: ${share(0.4)} runs`,
    async () => {
      for (let run = 0; run < share(0.4); run++) {
        const to = await running(leaseOf(run));
        const { over, strike } = killed(to);
        // The worker waits in its first write for as long as the process lives.
        facts.setFault(({ method }) => (method === 'GET' ? undefined : 'hang'));
        const mine = await sendUntil(to, over, (known) => {
          if (known.length >= eventsPerRun) strike();
        });
        await to.exited;
        expect(mine.length).toBeGreaterThanOrEqual(eventsPerRun);
        expect(mine.filter((userId) => facts.users.has(userId))).toEqual([]);
        await recover();
      }
    },
    timeoutMs,
  );

  it(
    `c-58 between a write to Permit and the done mark: ${share(0.4)} runs`,
    async () => {
      for (let run = 0; run < share(0.4); run++) {
        const to = await running(leaseOf(run));
        const { over, strike } = killed(to);
        const [from, enough] = [acknowledged.size, eventsPerRun * (long ? 1 + Math.random() : Math.random())];
        let written: string | undefined;
        // The write is done, its answer never arrives.
        facts.setFault(({ method, path }) => {
          if (method === 'GET' || over() || acknowledged.size - from < enough) return undefined;
          written = `${method} ${path}`;
          strike();
          return 'lost';
        });
        await sendUntil(to, over);
        await to.exited;
        expect(written).toMatch(/^(PUT|POST) /);
        await recover();
      }
    },
    timeoutMs,
  );

  it(
    `c-59 before the 200: ${share(0.2)} runs`,
    async () => {
      for (let run = 0; run < share(0.2); run++) {
        const to = await running(leaseOf(run));
        const { over, strike } = killed(to);
        await sendUntil(to, over, (known) => {
          if (known.length > Math.random() * eventsPerRun) strike();
        });
        await to.exited;
        await recover();
      }
    },
    timeoutMs,
  );

  it('c-61 what it had taken is taken again within 60 s', () => {
    expect(recoveries.length).toBeGreaterThanOrEqual(runs);
    expect(recoveries.filter((ms) => ms >= 60_000)).toEqual([]);
    if (long) {
      const seconds = recoveries.map((ms) => ms / 1_000).sort((a, b) => a - b);
      console.info(
        `${acknowledged.size} acknowledged, 0 lost; recovered in ${seconds[seconds.length >> 1]?.toFixed(1)} s (median), ${seconds.at(-1)?.toFixed(1)} s (longest)`,
      );
    }
  });
});

describe('SIGTERM', () => {
  it(
    `c-60 under fifty deliveries a second: nothing accepted is refused, it exits within 10 s, and resumes: ${share(0.1)} runs`,
    async () => {
      for (let run = 0; run < share(0.1); run++) {
        const to = await running({ leaseMs: 2_000 });
        facts.setFault(() => new Promise((resolve) => setTimeout(resolve, 20, undefined)));
        const sent: Promise<string | undefined>[] = [];
        const timer = setInterval(() => sent.push(register(to)), 20);
        await until(() => sent.length >= 25, 10_000);
        const toldAt = performance.now();
        const before = sent.length;
        to.signal('SIGTERM');
        clearInterval(timer);
        const answers = await Promise.all(sent);
        expect(answers.slice(0, before - 1).filter((userId) => !userId)).toEqual([]);
        expect(await to.exited).toEqual([0, null]);
        expect(performance.now() - toldAt).toBeLessThan(10_000);
        await recover();
      }
    },
    timeoutMs,
  );
});
