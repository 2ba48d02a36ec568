import type { Migration } from '../database/database.ts';

/** One row a subject: what is refused before its time. Read into memory by every instance. */
export const revocationMigrations: Migration[] = [
  {
    id: 'revocation-001',
    sql: `
      create schema if not exists elp;
      create table elp.revocation (
        sub text primary key,
        revoked_at timestamptz not null,
        state text not null check (state in ('active', 'suspended', 'deleted')),
        changed_at timestamptz not null default clock_timestamp(),
        version bigserial
      );
      create index revocation_changed_at on elp.revocation (changed_at);
    `,
  },
  {
    id: 'revocation-002',
    sql: `
      alter table elp.revocation add column state_at timestamptz not null default '-infinity';
      update elp.revocation set state_at = revoked_at;
    `,
  },
];
