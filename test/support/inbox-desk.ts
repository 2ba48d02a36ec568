import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach } from '@jest/globals';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import type { Database } from '../../src/database/database.ts';
import { createInbox, type Inbox } from '../../src/inbox/inbox.ts';
import { inboxMigrations } from '../../src/inbox/inbox-migrations.ts';
import type { SubjectWork } from '../../src/inbox/letter.ts';
import { createQueue, type Queue } from '../../src/inbox/queue.ts';
import { openTestDatabase } from './database.ts';

const log = pino({ level: process.env.TEST_LOG ?? 'silent' });

/** An inbox on a database of its own, with a clock that the test drives and a handler that records. */
export async function openInbox(
  options: { database?: Database; leaseMs?: number; concurrency?: number } = {},
) {
  const database = options.database ?? (await openTestDatabase(inboxMigrations));
  const clock = {
    ms: Date.UTC(2026, 10, 24),
    now() {
      return this.ms;
    },
  };
  const metrics = new Registry();
  const queue: Queue = createQueue({ database, log, clock });
  await queue.start();
  const inbox: Inbox = createInbox({
    database,
    queue,
    clock,
    log,
    metrics,
    ...(options.leaseMs ? { leaseMs: options.leaseMs } : {}),
    ...(options.concurrency ? { concurrency: options.concurrency } : {}),
  });
  const worked: SubjectWork[] = [];
  const world = {
    database,
    clock,
    metrics,
    queue,
    inbox,
    worked,
    /** What the handler does; replaced by the tests. */
    behave: async (_work: SubjectWork): Promise<void> => undefined,
    /** Stores a letter about the subjects; the body is unlike any other unless given. */
    async post(
      subjects: string | string[],
      given: Partial<Parameters<Inbox['receive']>[0]> & { body?: unknown } = {},
    ) {
      const { body = { nonce: randomUUID() }, ...rest } = given;
      return inbox.receive({
        rawBody: Buffer.from(JSON.stringify(body)),
        event: 'User.Created',
        createdAt: new Date(clock.ms),
        payload: body,
        subjects: [subjects].flat(),
        ...rest,
      });
    },
    async close() {
      await inbox.stop({ graceMs: 1_000 });
      await queue.stop({ graceMs: 1_000 });
      if (!options.database) await database.close();
    },
  };
  inbox.work(async (work) => {
    worked.push(work);
    await world.behave(work);
  });
  await inbox.start();
  return world;
}

export type InboxDesk = Awaited<ReturnType<typeof openInbox>>;

/** One inbox for the tests of a file, emptied before each. `take` is given it ahead of the first. */
export function useInbox(take: (desk: InboxDesk) => void): void {
  let desk: InboxDesk;
  beforeAll(async () => {
    desk = await openInbox();
    take(desk);
  });
  afterAll(() => desk.close());
  beforeEach(async () => {
    await desk.inbox.resume();
    await desk.inbox.drain();
    await desk.database.query('TRUNCATE elp.letter, elp.letter_subject, elp.subject');
    desk.worked.length = 0;
    desk.behave = async () => undefined;
  });
}
