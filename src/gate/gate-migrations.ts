import { revocationMigrations } from '../auth/revocation-migrations.ts';
import type { Migration } from '../database/database.ts';
import { rateLimitMigrations } from '../http/rate-share.ts';
import { inboxMigrations } from '../inbox/inbox-migrations.ts';
import { sessionMigrations } from '../logto/session-migrations.ts';
import { outboxMigrations } from '../outbox/outbox-migrations.ts';
import { syncMigrations } from '../sync/sync-migrations.ts';

/** The tables of every room, in schema `elp`. An application appends its own. */
export const gateMigrations: readonly Migration[] = [
  ...inboxMigrations,
  ...syncMigrations,
  ...outboxMigrations,
  ...revocationMigrations,
  ...sessionMigrations,
  ...rateLimitMigrations,
];
