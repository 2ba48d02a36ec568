import type { Migration } from '../database/database.ts';

/**
 * Browser sessions and the logout tokens that were seen. A row is made by a sign-in only, so an anonymous
 * visitor has none.
 */
export const sessionMigrations: Migration[] = [
  {
    id: 'sessions-001',
    sql: `
      CREATE SCHEMA IF NOT EXISTS elp;
      CREATE TABLE elp.session (
        id_hash text PRIMARY KEY,
        sub text NOT NULL,
        sid text,
        sealed text NOT NULL,
        started_at timestamptz NOT NULL,
        seen_at timestamptz NOT NULL
      );
      CREATE INDEX session_sub ON elp.session (sub);
      CREATE INDEX session_sid ON elp.session (sid) WHERE sid IS NOT NULL;
      CREATE INDEX session_started_at ON elp.session (started_at);
      CREATE TABLE elp.logout_token (
        jti_hash text PRIMARY KEY,
        seen_at timestamptz NOT NULL
      );
    `,
  },
  {
    id: 'sessions-002',
    sql: `
      ALTER TABLE elp.session ADD COLUMN refresh_owner text, ADD COLUMN refresh_until timestamptz;
    `,
  },
];
