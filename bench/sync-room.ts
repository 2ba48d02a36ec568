import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { pino } from 'pino';
import { systemClock } from '../src/clock.ts';
import type { Database } from '../src/database/database.ts';
import { migrate } from '../src/database/migrate.ts';
import { createInbox } from '../src/inbox/inbox.ts';
import { inboxMigrations } from '../src/inbox/inbox-migrations.ts';
import { createQueue } from '../src/inbox/queue.ts';
import { createManagementClient } from '../src/logto/management.ts';
import { createDirectory } from '../src/permit/directory.ts';
import { createSync } from '../src/sync/sync.ts';
import { syncMigrations } from '../src/sync/sync-migrations.ts';
import { createWebhookRouter } from '../src/webhook/webhook-router.ts';

export const signingKey = 'bench-signing-key';
const log = pino({ level: process.env.LOG_LEVEL ?? 'silent' });
const clock = systemClock;

/** Webhook, inbox and sync as the gate binds them, on a given database; `join` names the two services. */
export async function createSyncRoom(database: Database) {
  await migrate(database, [...inboxMigrations, ...syncMigrations]);
  const queue = createQueue({ database, log, clock });
  await queue.start();
  const inbox = createInbox({ database, queue, clock, log });
  const app = express();
  app.use(
    '/webhook',
    createWebhookRouter({ signingKeys: [signingKey], maxAgeSeconds: 300, inbox, clock, log }),
  );
  const server = createServer(app);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const webhookUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/webhook`;

  return {
    webhookUrl,
    async join(services: { logtoUrl: string; permitUrl: string; permitKey: string }) {
      const identities = createManagementClient({
        endpoint: services.logtoUrl,
        appId: 'management0000000000a',
        appSecret: 'management-secret',
        resource: 'https://default.logto.app/api',
        timeoutMs: 60_000,
        clock,
      });
      const directory = createDirectory({
        apiKey: services.permitKey,
        apiUrl: services.permitUrl,
        timeoutMs: 300_000,
        clock,
      });
      const sync = createSync({
        database,
        inbox,
        queue,
        directory,
        identities,
        defaults: { tenant: 'default', role: 'viewer' },
        roleKeys: ['admin', 'editor', 'viewer'],
        async onRevoke() {},
        async onRolesChanged() {},
        clock,
        log,
      });
      await sync.start();
      await inbox.start();
      return {
        sync,
        async stop() {
          server.closeAllConnections();
          server.close();
          await sync.stop();
          await inbox.stop();
          await queue.stop();
          await identities.close();
          await database.close();
        },
      };
    },
  };
}
