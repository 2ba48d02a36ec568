import { Router } from 'express';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { Principal } from '../auth/principal.ts';
import type { Clock } from '../clock.ts';
import type { Database } from '../database/database.ts';
import { ConfigurationError } from '../errors.ts';
import { createInbox } from '../inbox/inbox.ts';
import { createQueue } from '../inbox/queue.ts';
import { createManagementClient } from '../logto/management.ts';
import { createOutbox } from '../outbox/outbox.ts';
import { roleKeysOf } from '../permission/define-policy.ts';
import type { PolicyInput } from '../permission/policy.ts';
import { guardedBy } from '../permission/public-route.ts';
import type { Directory } from '../sync/ports.ts';
import { createSync, type SyncOptions } from '../sync/sync.ts';
import { parseDelivery } from '../webhook/delivery.ts';
import { createWebhookRouter } from '../webhook/webhook-router.ts';
import type { UsableOptions } from './usable-options.ts';

/** Forty to fifty subjects a second on two slow cores; Permit.io's own API takes fewer. */
const GAP_MS = 10;

const REPLAYED_SECONDS = 2 * 86_400;

type Common = {
  database: Database;
  defaultTenant: string;
  directory: Directory;
  onRevoke: SyncOptions['onRevoke'];
  onRolesChanged: SyncOptions['onRolesChanged'];
  clock: Clock;
  log: Logger;
  metrics: Registry;
};

/** What happens at Logto reaches Permit: webhook, inbox, sync, and the outbox for the application's own writes. */
export function bindIntake(options: UsableOptions<PolicyInput>, common: Common) {
  const { logto, permit, policy } = options;
  const { database, directory, clock, log, metrics } = common;
  const queue = createQueue({ database, log, clock });
  const inbox = createInbox({ database, queue, clock, log, metrics, gapMs: GAP_MS });
  const outbox = createOutbox({ database, queue, clock, log, metrics });
  const management =
    logto.management &&
    createManagementClient({
      endpoint: logto.internalEndpoint ?? logto.endpoint,
      appId: logto.management.appId,
      appSecret: logto.management.appSecret,
      resource: logto.management.resource ?? 'https://default.logto.app/api',
      clock,
    });
  const sync = createSync({
    database,
    inbox,
    queue,
    directory,
    ...(management ? { identities: management } : {}),
    defaults: { tenant: common.defaultTenant, role: permit.defaultRole },
    roleKeys: roleKeysOf(policy),
    reconcileEveryMinutes: options.reconcileEveryMinutes ?? 60,
    onRevoke: common.onRevoke,
    onRolesChanged: common.onRolesChanged,
    // Logto keeps what it could not deliver for a day: as if it had come, a day late.
    replayDelivery: ({ body }) =>
      inbox.receive(
        parseDelivery(Buffer.from(body), { maxAgeSeconds: REPLAYED_SECONDS, nowMs: clock.now() }),
      ),
    clock,
    log,
    metrics,
  });
  const writes = permit.readOnly !== true;

  let webhookRouter: Router | undefined;

  function createWebhooks(): Router {
    const signingKeys = [...(logto.webhookSigningKeys ?? [])];
    if (signingKeys.length === 0) {
      throw new ConfigurationError([
        'LOGTO_WEBHOOK_SIGNING_KEYS is missing: without a signing key anybody could register users. Example: LOGTO_WEBHOOK_SIGNING_KEYS=…',
      ]);
    }
    const maxAgeSeconds = logto.webhookMaxAgeSeconds ?? 300;
    return Router().use(
      guardedBy('signature', 'HMAC of the raw body by Logto'),
      createWebhookRouter({ signingKeys, maxAgeSeconds, inbox, clock, log, metrics }),
    );
  }

  return {
    inbox,
    outbox,
    sync,
    /** First-request provisioning; there is none where nothing may be written. */
    provision: writes ? (principal: Principal) => sync.provision(principal) : undefined,
    webhooks(): Router {
      webhookRouter ??= createWebhooks();
      return webhookRouter;
    },
    async start({ work }: { work: boolean }): Promise<void> {
      await queue.start();
      if (work) await outbox.start();
      // Letters are taken either way; without a worker they wait.
      if (writes && work) await sync.start();
      await inbox.start();
    },
    async stop(): Promise<void> {
      await sync.stop();
      await inbox.stop();
      await outbox.stop();
      await queue.stop();
      await management?.close();
    },
  };
}
