import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { Clock } from '../clock.ts';
import { inBackground } from '../database/background.ts';
import type { Database, Queryable } from '../database/database.ts';
import { createArchive, type LetterDetail, type LetterFilter, type ListOptions } from './archive.ts';
import { createInboxMetrics } from './inbox-metrics.ts';
import { createInboxStats, type InboxStats } from './inbox-stats.ts';
import { createIntake, type Delivery, type Receipt } from './intake.ts';
import type { LetterRecord, SubjectWork } from './letter.ts';
import { createPause } from './pause.ts';
import type { Queue } from './queue.ts';
import { createSubjectDesk } from './subject-desk.ts';
import { createSubjectLeases } from './subject-lease.ts';
import { createSubjectPool } from './subject-pool.ts';
import { createSweeper } from './sweeper.ts';
import { createTouches, type Touched } from './touches.ts';

export type InboxOptions = {
  database: Database;
  queue: Queue;
  clock: Clock;
  log: Logger;
  metrics?: Registry | undefined;
  /** Subjects at once in this process, and a quarter of it for urgent ones; default 12, on the embedded database 8. */
  concurrency?: number;
  /** Milliseconds that the thread rests between the starts of two; default 0. Urgent ones never wait for it. */
  gapMs?: number;
  /** How long a process that died keeps its subjects from the others; default 30 seconds. */
  leaseMs?: number;
};

export type Inbox = {
  /**
   * Stores a delivery. When this resolves it is committed, and the sender may hear 200.
   *
   * @throws UpstreamUnavailable('database') when it is not stored; the sender must hear 503.
   */
  receive(delivery: Delivery): Promise<Receipt>;
  /**
   * Who works the letters: one call at a time for each subject, over all instances. Resolved means that these
   * letters are done for that subject; see `outcome.ts` for what it may throw. Call it before `start`.
   */
  work(handle: (work: SubjectWork) => Promise<void>): void;
  /** Puts a subject to work without a letter. */
  touch(subject: string, options?: { urgent?: boolean; tx?: Queryable }): Promise<void>;
  /** What became of the subjects that were touched from then on, in milliseconds since 1970; `paused`: why nothing works. */
  touchedSince(ms: number): Promise<Touched & { paused?: string }>;
  list(options?: ListOptions): Promise<LetterRecord[]>;
  show(id: string): Promise<LetterDetail | undefined>;
  /** Opens letters again, by default all dead ones; resolves to how many. */
  replay(filter?: LetterFilter): Promise<number>;
  /** Gives letters up, by default all dead ones; resolves to how many. */
  drop(filter?: LetterFilter): Promise<number>;
  forgetPersonalData(userId: string): Promise<number>;
  stats(): Promise<InboxStats>;
  /** Stops the work of all instances; letters are still taken. */
  pause(reason: string): Promise<void>;
  resume(): Promise<void>;
  start(): Promise<void>;
  /** Lets running work end, for up to `graceMs` (default 4,000), then aborts it and waits a second more. */
  stop(options?: { graceMs?: number }): Promise<void>;
  /** For tests: works everything that is due by the clock; resolves when nothing is. */
  drain(): Promise<void>;
};

const QUEUE = 'inbox';
const URGENT = 'inbox-urgent';
const CLEAN_EVERY_MS = 3_600_000;

/**
 * Keeps every delivery until it is done. It reads none: who sent it and what it means is the business of others.
 *
 * A delivery is fanned out to the subjects that it speaks of. Each subject is worked under a lease with a fencing
 * number, so that one poisoned letter holds up nobody else; what fails is tried eight times in about six hours
 * and then waits for a person.
 *
 * @example
 * const inbox = createInbox({ database, queue, clock, log, metrics });
 * inbox.work(async ({ subject, letters }) => sync(subject, letters));
 * await inbox.start();
 * await inbox.receive({ rawBody, event: 'User.Created', createdAt, payload, subjects: ['user:abc'] });
 */
export function createInbox(options: InboxOptions): Inbox {
  const { database, queue, clock, log, leaseMs = 30_000 } = options;
  // The embedded database works on the thread that also answers requests: a longer row of workers is felt there.
  const { concurrency = database.kind === 'pglite' ? 8 : 12 } = options;
  const stopping = new AbortController();
  const closing = new AbortController();
  const pause = createPause({ database, clock, log });
  const archive = createArchive({ database, clock });
  const stats = createInboxStats({ database, clock, pause });
  const metrics = createInboxMetrics({ registry: options.metrics, stats, nowMs: () => clock.now() });
  let handle: ((work: SubjectWork) => Promise<void>) | undefined;
  let started = false;
  let cleaner: NodeJS.Timeout | undefined;

  async function sendJobs(tx: Queryable, subjects: readonly string[], urgent: boolean): Promise<void> {
    const jobs = subjects.map((subject) => ({ data: { subject }, singletonKey: subject }));
    await queue.sendAll(urgent ? URGENT : QUEUE, jobs, { tx });
  }
  const intake = createIntake({ database, clock, sendJobs });
  const touches = createTouches({
    database,
    clock,
    send: (subject, urgent, tx) => sendJobs(tx, [subject], urgent),
  });
  const desk = createSubjectDesk({
    leases: createSubjectLeases({ database, clock, leaseMs }),
    pause,
    handle: (work) => {
      if (!handle) throw new Error('nobody works this inbox');
      return handle(work);
    },
    onSettled: metrics.settled,
    stopping: stopping.signal,
    leaseMs,
    clock,
    log,
  });

  /** Before a transaction that sends: the engine would look an unknown queue up outside of it. */
  async function ensureQueues(): Promise<void> {
    await queue.ensure(QUEUE, { policy: 'short' });
    await queue.ensure(URGENT, { policy: 'short' });
  }

  async function workSafely(subject: string, probe = false): Promise<boolean> {
    try {
      return await inBackground(() => desk.work(subject, { probe }));
    } catch (error) {
      // It is still open in the tables, and the sweeper will come by.
      log.warn({ err: error, subject }, 'inbox: could not be worked now');
      return true;
    }
  }
  const pool = createSubjectPool({
    size: concurrency,
    gapMs: options.gapMs ?? 0,
    closing: closing.signal,
    work: (subject) => workSafely(subject),
  });
  const urgentPool = createSubjectPool({
    size: Math.ceil(concurrency / 4),
    gapMs: 0,
    closing: closing.signal,
    work: (subject) => workSafely(subject),
  });
  const sweeper = createSweeper({
    database,
    clock,
    log,
    pause,
    admit: (subject, urgent) => (urgent ? urgentPool : pool).admit(subject),
    probe: (subject) => workSafely(subject, true),
  });

  /** What was just made due shall not wait for the sweeper's next round. */
  function sweepSoon(): void {
    if (started) sweeper.now().catch((error: unknown) => log.warn({ err: error }, 'inbox: sweep'));
  }

  return {
    async receive(delivery) {
      await ensureQueues();
      const receipt = await intake.receive(delivery);
      metrics.received(receipt);
      return receipt;
    },
    work(handler) {
      handle = handler;
    },
    async touch(subject, { urgent = false, tx } = {}) {
      if (tx) return touches.touch(subject, urgent, tx);
      await ensureQueues();
      await database.transaction((own) => touches.touch(subject, urgent, own));
    },
    async touchedSince(ms) {
      const paused = await pause.current();
      return { ...(await touches.since(ms)), ...(paused ? { paused: paused.reason } : {}) };
    },
    list: archive.list,
    show: archive.show,
    async replay(filter = {}) {
      const count = await archive.replay(filter);
      if (count > 0) sweepSoon();
      return count;
    },
    drop: (filter = {}) => archive.drop(filter),
    forgetPersonalData: archive.forgetPersonalData,
    stats,
    pause: (reason) => pause.pause(reason, true),
    async resume() {
      await pause.resume();
      sweepSoon();
    },
    async start() {
      await ensureQueues();
      // Another process may work what this one receives.
      if (!handle) return;
      for (const [name, into] of [
        [QUEUE, pool],
        [URGENT, urgentPool],
      ] as const) {
        await queue.workBatches<{ subject: string }>(
          name,
          async (jobs) => {
            // A job is only a wake-up, and waking up for nothing a hundred thousand times is felt by everybody.
            if (await pause.current()) return;
            for (const { data } of jobs) {
              // Another instance takes them at once.
              if (!(await into.admit(data.subject))) throw new Error('the inbox stops');
            }
          },
          { size: 50 },
        );
      }
      started = true;
      sweeper.start();
      cleaner = setInterval(() => {
        inBackground(archive.removeOld).catch((error: unknown) =>
          log.warn({ err: error }, 'inbox: old letters not removed'),
        );
      }, CLEAN_EVERY_MS);
      cleaner.unref();
      // What a process before this one left undone is due at once.
      sweepSoon();
    },
    async stop({ graceMs = 4_000 } = {}) {
      closing.abort();
      clearInterval(cleaner);
      const idle = Promise.all([pool.idle(), urgentPool.idle()]);
      const stopped = Promise.all([sweeper.stop(), queue.leave(QUEUE), queue.leave(URGENT)]);
      await Promise.race([idle, delay(graceMs, undefined, { ref: false })]);
      stopping.abort(new Error('the inbox stops'));
      await Promise.race([Promise.all([idle, stopped]), delay(1_000, undefined, { ref: false })]);
    },
    async drain() {
      for (;;) {
        if (started) await queue.drain(QUEUE).then(() => queue.drain(URGENT));
        await Promise.all([pool.idle(), urgentPool.idle()]);
        // A sweep that was under way before may have put something to work that this one finds in hand.
        if ((await sweeper.now()) === 0 && pool.isIdle() && urgentPool.isIdle()) break;
      }
    },
  };
}
