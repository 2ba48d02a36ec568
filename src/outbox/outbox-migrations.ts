import type { Migration } from '../database/database.ts';

/** Payload and answer are `json`, not `jsonb`, which refuses characters that a title may hold. */
export const outboxMigrations: Migration[] = [
  {
    id: 'outbox-001',
    sql: `
      CREATE TABLE elp.errand (
        id uuid PRIMARY KEY,
        kind text NOT NULL,
        payload json NOT NULL,
        answer json,
        state text NOT NULL CHECK (state IN ('doing', 'undoing', 'done', 'undone')),
        if_interrupted text NOT NULL CHECK (if_interrupted IN ('finish', 'undo')),
        attempts int NOT NULL DEFAULT 0,
        next_try_at timestamptz NOT NULL,
        lease_until timestamptz,
        fence bigint NOT NULL DEFAULT 0,
        last_error text,
        created_at timestamptz NOT NULL,
        settled_at timestamptz
      );
      CREATE INDEX errand_open ON elp.errand (next_try_at) WHERE state IN ('doing', 'undoing');
      CREATE INDEX errand_settled ON elp.errand (settled_at) WHERE settled_at IS NOT NULL;
      CREATE TABLE elp.idempotency (
        principal text NOT NULL,
        key text NOT NULL,
        request_hash text NOT NULL,
        -- Deferred: the key is claimed before there is anything to do.
          errand_id uuid NOT NULL REFERENCES elp.errand (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
        PRIMARY KEY (principal, key)
      );
      CREATE INDEX idempotency_errand ON elp.idempotency (errand_id);
    `,
  },
  {
    id: 'outbox-002',
    sql: `
      ALTER TABLE elp.errand ADD COLUMN topic text;
      CREATE INDEX errand_topic ON elp.errand (topic, created_at) WHERE topic IS NOT NULL;
    `,
  },
];
