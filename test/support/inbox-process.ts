// A receiver with its worker, as a process that can be killed. Everything it needs comes in one JSON argument.
// The worker is sync itself where `sync` is given, else one that writes a fact for each subject.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { pino } from 'pino';
import { systemClock } from '../../src/clock.ts';
import { migrate } from '../../src/database/migrate.ts';
import { openDatabase } from '../../src/database/open-database.ts';
import { problemDetails } from '../../src/http/problem-details.ts';
import { createInbox } from '../../src/inbox/inbox.ts';
import { inboxMigrations } from '../../src/inbox/inbox-migrations.ts';
import type { SubjectWork } from '../../src/inbox/letter.ts';
import { createQueue } from '../../src/inbox/queue.ts';
import { createManagementClient } from '../../src/logto/management.ts';
import { createDirectory } from '../../src/permit/directory.ts';
import { createSync } from '../../src/sync/sync.ts';
import { syncMigrations } from '../../src/sync/sync-migrations.ts';
import { createWebhookRouter } from '../../src/webhook/webhook-router.ts';

export type InboxProcessOptions = {
  url?: string | undefined;
  dataDir?: string | undefined;
  /** Where the worker writes: one PUT a subject. */
  factsUrl?: string;
  /** Permit and Logto of the real worker; the key tells the instances apart. */
  sync?: { permitUrl: string; permitKey: string; logtoUrl: string };
  signingKey: string;
  leaseMs?: number;
};

const options = JSON.parse(process.argv[2] ?? '{}') as InboxProcessOptions;
const log = pino({ level: process.env.TEST_LOG ?? 'silent' }, pino.destination(2));
const clock = systemClock;
const database = await openDatabase({ url: options.url, dataDir: options.dataDir, log });
await migrate(database, [...inboxMigrations, ...syncMigrations]);
const queue = createQueue({ database, log, clock });
const inbox = createInbox({
  database,
  queue,
  clock,
  log,
  ...(options.leaseMs ? { leaseMs: options.leaseMs } : {}),
});
async function writeFact({ subject, letters, fence }: SubjectWork): Promise<void> {
  const response = await fetch(`${options.factsUrl}/facts`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ subject, fence, pid: process.pid, letters: letters.map((letter) => letter.id) }),
    signal: AbortSignal.timeout(20_000),
  });
  if (!response.ok) throw new Error(`facts answered ${response.status}`);
}

/** Nothing but letters sets it to work: no reconcile, by hand or by itself. */
function syncOf({ permitUrl, permitKey, logtoUrl }: NonNullable<InboxProcessOptions['sync']>) {
  return createSync({
    database,
    inbox,
    queue,
    directory: createDirectory({ apiKey: permitKey, apiUrl: `${permitUrl}/`, timeoutMs: 5_000, clock }),
    identities: createManagementClient({
      endpoint: logtoUrl,
      appId: 'app',
      appSecret: 'secret',
      resource: 'https://default.logto.app/api',
      timeoutMs: 5_000,
      clock,
    }),
    defaults: { tenant: 'default', role: 'viewer' },
    roleKeys: ['admin', 'editor', 'viewer'],
    onRevoke: async () => undefined,
    onRolesChanged: async () => undefined,
    clock,
    log,
  });
}
await queue.start();
if (options.sync) await syncOf(options.sync).start();
else inbox.work(writeFact);
await inbox.start();

const app = express();
app.use(
  '/api/webhooks/logto',
  createWebhookRouter({ signingKeys: [options.signingKey], maxAgeSeconds: 300, inbox, clock, log }),
);
app.get('/stats', async (_req, res) => {
  res.json(await inbox.stats());
});
app.use(problemDetails({ log }));
const server = createServer(app);
server.listen(0, '127.0.0.1');
await once(server, 'listening');

process.once('SIGTERM', async () => {
  const closed = once(server, 'close');
  server.close();
  server.closeIdleConnections();
  await closed;
  await inbox.stop();
  await queue.stop();
  await database.close();
});
process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
