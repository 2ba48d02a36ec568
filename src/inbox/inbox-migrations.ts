import type { Migration } from '../database/database.ts';
import { ACQUIRE_SUBJECT, DUE_SUBJECTS, SETTLE_SUBJECT } from './subject-functions.ts';

export const inboxMigrations: Migration[] = [
  {
    id: 'inbox-001',
    sql: `
      CREATE SEQUENCE elp.fence;

      CREATE TABLE elp.letter (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        hash bytea NOT NULL UNIQUE,
        event text NOT NULL,
        created_at timestamptz NOT NULL,
        received_at timestamptz NOT NULL,
        body text NOT NULL,
        status text NOT NULL CHECK (status IN ('open', 'done', 'ignored', 'dead', 'dropped')),
        reason text,
        settled_at timestamptz,
        open_subjects int NOT NULL DEFAULT 0,
        dead_subjects int NOT NULL DEFAULT 0,
        forget boolean NOT NULL DEFAULT false
      );
      CREATE INDEX letter_open ON elp.letter (id) WHERE status = 'open';
      CREATE INDEX letter_dead ON elp.letter (id) WHERE status = 'dead';
      CREATE INDEX letter_settled ON elp.letter (settled_at) WHERE settled_at IS NOT NULL;

      CREATE TABLE elp.letter_subject (
        letter_id bigint NOT NULL REFERENCES elp.letter (id) ON DELETE CASCADE,
        subject text NOT NULL,
        state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'done', 'dead', 'dropped')),
        attempts int NOT NULL DEFAULT 0,
        next_try_at timestamptz NOT NULL,
        reason text,
        PRIMARY KEY (letter_id, subject)
      );
      CREATE INDEX letter_subject_subject ON elp.letter_subject (subject, state);
      CREATE INDEX letter_subject_due ON elp.letter_subject (next_try_at) WHERE state = 'open';

      -- Who has the subject at present, and whether somebody asked for it without a letter.
      CREATE TABLE elp.subject (
        subject text PRIMARY KEY,
        fence bigint NOT NULL DEFAULT 0,
        holder uuid,
        lease_until timestamptz,
        again boolean NOT NULL DEFAULT false,
        touches bigint NOT NULL DEFAULT 0,
        touches_done bigint NOT NULL DEFAULT 0,
        touch_attempts int NOT NULL DEFAULT 0,
        touch_try_at timestamptz
      );
      CREATE INDEX subject_touched ON elp.subject (touch_try_at) WHERE touches > touches_done;

      CREATE TABLE elp.inbox_pause (
        only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
        since timestamptz NOT NULL,
        reason text NOT NULL,
        manual boolean NOT NULL,
        probe_at timestamptz NOT NULL
      );
    `,
  },
  { id: 'inbox-002', sql: ACQUIRE_SUBJECT + SETTLE_SUBJECT },
  {
    // A suspension whose first try failed goes before the backlog at its next one, too.
    id: 'inbox-003',
    sql: `
      ALTER TABLE elp.letter_subject ADD COLUMN urgent boolean NOT NULL DEFAULT false;
      CREATE INDEX letter_subject_urgent ON elp.letter_subject (next_try_at) WHERE state = 'open' AND urgent;
    `,
  },
  // One subject with many letters hid its newer ones, and other subjects from the sweeper.
  { id: 'inbox-004', sql: ACQUIRE_SUBJECT + DUE_SUBJECTS },
  {
    // Whoever asked for a subject can be told what became of it: there is no letter that could be dead.
    id: 'inbox-005',
    sql: `
      ALTER TABLE elp.subject ADD COLUMN touch_failed_at timestamptz, ADD COLUMN touch_reason text;
      CREATE INDEX subject_touch_failed ON elp.subject (touch_failed_at) WHERE touch_failed_at IS NOT NULL;
    `,
  },
];
