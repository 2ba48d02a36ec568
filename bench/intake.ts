import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import express from 'express';
import { pino } from 'pino';
import { systemClock } from '../src/clock.ts';
import type { Database } from '../src/database/database.ts';
import { migrate } from '../src/database/migrate.ts';
import { openDatabase } from '../src/database/open-database.ts';
import { createInbox } from '../src/inbox/inbox.ts';
import { inboxMigrations } from '../src/inbox/inbox-migrations.ts';
import { createQueue } from '../src/inbox/queue.ts';
import { createWebhookRouter, type WebhookRouterOptions } from '../src/webhook/webhook-router.ts';
import { createPostgresDatabase } from '../test/support/database.ts';
import { startChild } from './child.ts';
import type { IntakeLoad } from './intake-load.ts';

const log = pino({ level: 'silent' });
const signingKey = 'bench-signing-key';
const CONNECTIONS = 20;

type Row = Record<string, string | number | boolean>;

/**
 * How fast signed deliveries are taken, each answered 200 after its commit, beside a bare single-row INSERT through
 * the same pool; the goal is 0.3 of it. On PGlite in a folder, and on the Postgres of `BENCH_DATABASE_URL` (or
 * `TEST_DATABASE_URL`) in a database of its own. `BENCH_DELIVERIES` (3000) of each.
 */
export async function run(): Promise<{ name: string; rows: Row[] }> {
  const count = Number(process.env.BENCH_DELIVERIES ?? 3_000);
  const postgresUrl = process.env.BENCH_DATABASE_URL ?? process.env.TEST_DATABASE_URL;
  const rows: Row[] = [];
  const dataDir = mkdtempSync(join(tmpdir(), 'elp-bench-'));
  try {
    rows.push(await measure(await openDatabase({ dataDir, log }), count));
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
  if (postgresUrl) {
    const place = await createPostgresDatabase(postgresUrl);
    try {
      rows.push(await measure(await place.connect(), count));
    } finally {
      await place.drop();
    }
  }
  return { name: 'intake', rows };
}

async function measure(database: Database, count: number): Promise<Row> {
  try {
    await migrate(database, inboxMigrations);
    await database.query('CREATE TABLE elp.bare (id bigserial PRIMARY KEY, body text NOT NULL)');
    const queue = createQueue({ database, log, clock: systemClock });
    await queue.start();
    // Nobody works here: what is measured is the taking in.
    const inbox = createInbox({ database, queue, clock: systemClock, log });
    await inbox.start();

    const body = 'x'.repeat(700);
    const bareInsertsPerSecond = await rate(count, async () => {
      await database.query('INSERT INTO elp.bare (body) VALUES ($1)', [body]);
    });
    const receivedPerSecond = await rate(count, async (n) => {
      await inbox.receive({
        rawBody: Buffer.from(`${n}${body}`),
        event: 'PostRegister',
        createdAt: new Date(systemClock.now()),
        payload: undefined,
        subjects: [`user:direct${n}`],
      });
    });
    const http = await overHttp(inbox, count);
    await queue.stop();
    return {
      database: database.kind,
      bareInsertsPerSecond,
      /** `inbox.receive`: stored, fanned out, queued, committed. */
      receivedPerSecond,
      /** The whole of it, over HTTP with a signature. */
      ...http,
      ofBare: Number((Number(http.durableAnswersPerSecond) / bareInsertsPerSecond).toFixed(2)),
    };
  } finally {
    await database.close();
  }
}

async function overHttp(inbox: WebhookRouterOptions['inbox'], count: number): Promise<Row> {
  const app = express();
  app.use(
    '/api/webhooks/logto',
    createWebhookRouter({ signingKeys: [signingKey], maxAgeSeconds: 300, inbox, clock: systemClock, log }),
  );
  const server = createServer(app).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const load: IntakeLoad = { port, signingKey, count, connections: CONNECTIONS };
  const child = await startChild('intake-load.ts', load);
  await child.stop();
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
  return child.ready as Row;
}

/** Calls `work` `count` times, `CONNECTIONS` at once; resolves to how many a second. */
async function rate(count: number, work: (n: number) => Promise<void>): Promise<number> {
  let next = 0;
  const began = performance.now();
  await Promise.all(
    Array.from({ length: CONNECTIONS }, async () => {
      while (next < count) await work(next++);
    }),
  );
  return Math.round(count / ((performance.now() - began) / 1_000));
}
