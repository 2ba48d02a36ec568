import { createHash } from 'node:crypto';
import { setImmediate as nextRound } from 'node:timers/promises';
import type { Clock } from '../clock.ts';
import type { Database, Queryable } from '../database/database.ts';
import { UpstreamUnavailable } from '../errors.ts';

export type Delivery = {
  rawBody: Buffer;
  event: string;
  createdAt: Date;
  payload: unknown;
  subjects: readonly string[];
  verdict?: 'work' | 'ignore' | 'dead';
  /** Why it is ignored or dead. */
  reason?: string;
  /** A deletion or a suspension: goes before what is waiting. */
  urgent?: boolean;
};
export type Receipt = 'stored' | 'duplicate' | 'ignored' | 'dead';

/** Sends one job for each subject inside `tx`. */
export type SendJobs = (tx: Queryable, subjects: readonly string[], urgent: boolean) => Promise<void>;

type Waiting = {
  row: ReturnType<typeof rowOf>;
  resolve(receipt: Receipt): void;
  reject(error: unknown): void;
};

const MOST_AT_ONCE = 200;
const MOST_BYTES_AT_ONCE = 4_000_000;

/** Postgres holds no NUL in a text, and a sender may write one into any name. */
const storable = (text: string) => text.replaceAll('\0', '\ufffd').toWellFormed().slice(0, 300);

function rowOf(delivery: Delivery, nowMs: number) {
  const subjects = [...new Set(delivery.subjects)];
  const wanted = delivery.verdict ?? 'work';
  const work = wanted === 'work' && subjects.length > 0;
  return {
    hash: createHash('sha256').update(delivery.rawBody).digest('hex'),
    event: storable(delivery.event),
    created_at: delivery.createdAt,
    received_at: new Date(nowMs),
    body: delivery.rawBody.toString('utf8'),
    status: work ? 'open' : wanted === 'dead' ? 'dead' : 'ignored',
    reason: work
      ? null
      : storable(delivery.reason ?? (wanted === 'work' ? 'speaks of nobody' : 'no reason given')),
    subjects: work ? subjects : [],
    urgent: delivery.urgent ?? false,
  };
}

/**
 * Stores deliveries, each in a committed transaction before its promise resolves. Those that arrive while one
 * transaction runs share the next one, so that the database is asked once for many.
 *
 * @throws UpstreamUnavailable('database') when it could not be stored; the sender must hear a 503.
 */
export function createIntake(options: { database: Database; clock: Clock; sendJobs: SendJobs }) {
  const { database, clock, sendJobs } = options;
  const waiting: Waiting[] = [];
  let busy = false;

  async function store(batch: readonly Waiting[]): Promise<Set<string>> {
    // In one order everywhere: two instances that store the same letters must not wait for each other crosswise.
    const rows = batch.map(({ row }) => row).sort((a, b) => (a.hash < b.hash ? -1 : 1));
    return database.transaction(async (tx) => {
      const { rows: stored } = await tx.query<{ hash: string }>(STORE, [JSON.stringify(rows)]);
      const fresh = new Set(stored.map(({ hash }) => hash));
      for (const urgent of [true, false]) {
        const subjects = batch
          .filter((w) => w.row.urgent === urgent && fresh.has(w.row.hash))
          .flatMap((w) => w.row.subjects);
        if (subjects.length > 0) await sendJobs(tx, [...new Set(subjects)].sort(), urgent);
      }
      return fresh;
    });
  }

  async function settle(batch: readonly Waiting[]): Promise<void> {
    let fresh: Set<string>;
    try {
      fresh = await store(batch);
    } catch (error) {
      if (batch.length === 1 || error instanceof UpstreamUnavailable) {
        for (const one of batch) one.reject(error);
        return;
      }
      // One that the database refuses must not take the others with it.
      for (const one of batch) await settle([one]);
      return;
    }
    for (const { row, resolve } of batch) {
      // The same letter twice in one batch: the first was stored, the second is its duplicate.
      resolve(
        fresh.delete(row.hash) ? (row.status === 'open' ? 'stored' : (row.status as Receipt)) : 'duplicate',
      );
    }
  }

  async function pump(): Promise<void> {
    busy = true;
    while (waiting.length > 0) {
      // The embedded database does its work on this very thread: what has arrived meanwhile is read first, or
      // every transaction would carry a single letter.
      await nextRound();
      let bytes = 0;
      const upTo = waiting.findIndex(({ row }, i) => {
        bytes += row.body.length;
        return i >= MOST_AT_ONCE || (i > 0 && bytes > MOST_BYTES_AT_ONCE);
      });
      await settle(waiting.splice(0, upTo === -1 ? waiting.length : upTo));
    }
    busy = false;
  }

  return {
    receive(delivery: Delivery): Promise<Receipt> {
      return new Promise((resolve, reject) => {
        waiting.push({
          row: rowOf(delivery, clock.now()),
          resolve,
          reject,
        });
        if (!busy) void pump();
      });
    },
  };
}

const STORE = `
  WITH input AS (
    SELECT DISTINCT ON (hash) * FROM json_to_recordset($1::json) AS x (
      hash text, event text, created_at timestamptz, received_at timestamptz, body text, status text, reason text,
      subjects json, urgent boolean
    ) ORDER BY hash
  ), stored AS (
    INSERT INTO elp.letter (hash, event, created_at, received_at, body, status, reason, settled_at, open_subjects)
    SELECT decode(hash, 'hex'), event, created_at, received_at, body, status, reason,
           CASE WHEN status = 'open' THEN NULL ELSE received_at END, json_array_length(subjects)
    FROM input ORDER BY hash
    ON CONFLICT (hash) DO NOTHING
    RETURNING id, hash
  ), fanned AS (
    INSERT INTO elp.letter_subject (letter_id, subject, next_try_at, urgent)
    SELECT stored.id, s.subject, input.received_at, input.urgent
    FROM stored JOIN input ON decode(input.hash, 'hex') = stored.hash
    CROSS JOIN LATERAL json_array_elements_text(input.subjects) AS s (subject)
  )
  SELECT encode(hash, 'hex') AS hash FROM stored`;
