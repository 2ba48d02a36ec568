import type { Clock } from '../clock.ts';
import type { Database, Queryable } from '../database/database.ts';

export type ErrandState = 'doing' | 'undoing' | 'done' | 'undone';
export type IfInterrupted = 'finish' | 'undo';

export type Errand = {
  id: string;
  kind: string;
  payload: unknown;
  answer: unknown;
  state: ErrandState;
  if_interrupted: IfInterrupted;
  /** What it is about, where the order of errands matters. */
  topic: string | null;
  attempts: number;
  fence: string;
};

const COLUMNS = 'id, kind, payload, answer, state, if_interrupted, topic, attempts, fence';

/** The SQL of the outbox. A lease belongs to whoever has its `fence`; every later write names it. */
export function createErrandRows(options: { database: Database; clock: Clock; leaseMs: number }) {
  const { database, clock, leaseMs } = options;
  const now = () => new Date(clock.now());
  const leaseEnd = () => new Date(clock.now() + leaseMs);

  return {
    /** The poster holds the lease from the start. */
    async insert(
      tx: Queryable,
      row: {
        id: string;
        kind: string;
        payload: unknown;
        answer: unknown;
        ifInterrupted: IfInterrupted;
        topic: string | null;
      },
    ): Promise<Errand> {
      const payload = JSON.stringify(row.payload ?? null);
      const answer = JSON.stringify(row.answer ?? null);
      await tx.query(
        `INSERT INTO elp.errand (id, kind, payload, answer, state, if_interrupted, topic, next_try_at, lease_until, fence, created_at)
         VALUES ($1, $2, $3, $4, 'doing', $5, $6, $7, $8, 1, $7)`,
        [row.id, row.kind, payload, answer, row.ifInterrupted, row.topic, now(), leaseEnd()],
      );
      return {
        id: row.id,
        kind: row.kind,
        // As the worker will read it, so that a handler cannot come to rely on a Date.
        payload: JSON.parse(payload) as unknown,
        answer: row.answer,
        state: 'doing',
        if_interrupted: row.ifInterrupted,
        topic: row.topic,
        attempts: 0,
        fence: '1',
      };
    },

    /**
     * Drops what is still open about the topic, for a later errand says how it shall be; until `tx` ends nobody
     * else begins one. False when somebody is at one just now.
     */
    async supersede(tx: Queryable, topic: string): Promise<boolean> {
      await tx.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [topic]);
      await tx.query(
        `WITH dropped AS (
           UPDATE elp.errand SET state = 'undone', settled_at = $2, lease_until = NULL, last_error = 'superseded'
           WHERE topic = $1 AND state IN ('doing', 'undoing') AND (lease_until IS NULL OR lease_until <= $2)
           RETURNING id)
         DELETE FROM elp.idempotency WHERE errand_id IN (SELECT id FROM dropped)`,
        [topic, now()],
      );
      const { rowCount } = await tx.query(
        "SELECT 1 FROM elp.errand WHERE topic = $1 AND state IN ('doing', 'undoing') LIMIT 1",
        [topic],
      );
      return rowCount === 0;
    },

    /**
     * For one that came to its end after its lease had passed to somebody else: it may have undone what they did.
     * What the last errand of the topic (this one, without a topic) came to is brought about once more; one that is
     * at it this moment may have been overtaken as well, and is done again.
     *
     * @returns its id, or `undefined` when nothing has to be done again.
     */
    async reopen(errand: Errand): Promise<string | undefined> {
      const { rows } = await database.query<{ id: string }>(
        `UPDATE elp.errand SET settled_at = NULL, lease_until = NULL, next_try_at = $3, fence = fence + 1,
           state = CASE WHEN state IN ('done', 'doing') THEN 'doing' ELSE 'undoing' END,
           if_interrupted = CASE state WHEN 'done' THEN 'finish' ELSE if_interrupted END
         WHERE id = (SELECT id FROM elp.errand WHERE id = $1 OR topic = $2 ORDER BY created_at DESC, id = $1 LIMIT 1)
           AND (id <> $1 OR state IN ('undoing', 'undone') AND $4)
         RETURNING id`,
        [errand.id, errand.topic, now(), errand.state === 'doing'],
      );
      return rows[0]?.id;
    },

    async find(id: string, on: Queryable = database): Promise<Errand | undefined> {
      return (await on.query<Errand>(`SELECT ${COLUMNS} FROM elp.errand WHERE id = $1`, [id])).rows[0];
    },

    /**
     * `undefined` when it is settled, held by somebody else, of another kind than `kinds`, or not due (`early`
     * ignores the last).
     */
    async lease(id: string, kinds: readonly string[], early = false): Promise<Errand | undefined> {
      const { rows } = await database.query<Errand>(
        `UPDATE elp.errand SET lease_until = $2, fence = fence + 1
         WHERE id = $1 AND state IN ('doing', 'undoing') AND (lease_until IS NULL OR lease_until <= $3)
           AND ($4 OR next_try_at <= $3) AND kind = ANY($5)
         RETURNING ${COLUMNS}`,
        [id, leaseEnd(), now(), early, kinds],
      );
      return rows[0];
    },

    /** False when the lease was lost meanwhile. */
    async settle(tx: Queryable, errand: Errand, state: 'done' | 'undone'): Promise<boolean> {
      const { rowCount } = await tx.query(
        `UPDATE elp.errand SET state = $3, settled_at = $4, lease_until = NULL, last_error = NULL
         WHERE id = $1 AND fence = $2 AND state = $5`,
        [errand.id, errand.fence, state, now(), errand.state],
      );
      return rowCount === 1;
    },

    /** From doing to undoing, under the same lease; false when it is settled or the lease was lost. */
    async turnBack(errand: Errand): Promise<boolean> {
      const { rowCount } = await database.query(
        "UPDATE elp.errand SET state = 'undoing' WHERE id = $1 AND fence = $2 AND state = 'doing'",
        [errand.id, errand.fence],
      );
      return rowCount === 1;
    },

    /** False when the lease was lost meanwhile. */
    async postpone(
      errand: Errand,
      next: { state: ErrandState; attempts: number; afterMs: number; error: string },
    ): Promise<boolean> {
      const { rowCount } = await database.query(
        `UPDATE elp.errand SET state = $3, attempts = $4, next_try_at = $5, last_error = $6, lease_until = NULL
         WHERE id = $1 AND fence = $2 AND state IN ('doing', 'undoing')`,
        [
          errand.id,
          errand.fence,
          next.state,
          next.attempts,
          new Date(clock.now() + next.afterMs),
          next.error.slice(0, 500),
        ],
      );
      return rowCount === 1;
    },

    async due(limit: number, kinds: readonly string[]): Promise<string[]> {
      const { rows } = await database.query<{ id: string }>(
        `SELECT id FROM elp.errand WHERE state IN ('doing', 'undoing') AND next_try_at <= $1
           AND (lease_until IS NULL OR lease_until <= $1) AND kind = ANY($3) ORDER BY next_try_at LIMIT $2`,
        [now(), limit, kinds],
      );
      return rows.map((row) => row.id);
    },

    /** An undone errand gives its idempotency key back, so that the request can be made anew. */
    async forgetKey(tx: Queryable, errandId: string): Promise<void> {
      await tx.query('DELETE FROM elp.idempotency WHERE errand_id = $1', [errandId]);
    },

    async removeSettled(olderThanMs: number): Promise<void> {
      await database.query('DELETE FROM elp.errand WHERE settled_at < $1', [
        new Date(clock.now() - olderThanMs),
      ]);
    },

    async counts(): Promise<{ open: number; oldestSeconds: number }> {
      const { rows } = await database.query<{ open: string; oldest: Date | null }>(
        "SELECT count(*) AS open, min(created_at) AS oldest FROM elp.errand WHERE state IN ('doing', 'undoing')",
      );
      const oldest = rows[0]?.oldest;
      return {
        open: Number(rows[0]?.open ?? 0),
        oldestSeconds: oldest ? Math.max(0, (clock.now() - oldest.getTime()) / 1_000) : 0,
      };
    },
  };
}
