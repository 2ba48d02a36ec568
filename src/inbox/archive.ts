import type { Clock } from '../clock.ts';
import type { Database } from '../database/database.ts';
import type { LetterRecord, LetterStatus } from './letter.ts';

/** Which letters; every given part must match. An empty filter means all of the command's usual kind. */
export type LetterFilter = {
  ids?: readonly string[];
  status?: LetterStatus;
  event?: string;
  subject?: string;
};

export type ListOptions = LetterFilter & {
  /** At most this many, newest first; default 50, at most 1,000. */
  limit?: number;
  /** Only letters older than the one with this id: the last of the page before. */
  before?: string;
};

/** One letter with its payload and what became of each subject. */
export type LetterDetail = LetterRecord & {
  payload: unknown;
  work: { subject: string; state: string; attempts: number; nextTryAt: Date | null; reason: string | null }[];
};

const KEEP_MS = 30 * 24 * 3_600_000;
/** Others wait for as long as this takes, on the embedded database. */
const REMOVED_AT_ONCE = 1_000;
const ID = /^\d{1,18}$/;

const RECORD = `
  l.id, l.event, l.created_at AS "createdAt", l.received_at AS "receivedAt", l.status, l.settled_at AS "settledAt",
  COALESCE(l.reason, w.reason) AS reason, COALESCE(w.attempts, 0) AS attempts, w.next_try_at AS "nextTryAt",
  COALESCE(w.subjects, '{}') AS subjects`;
const WORK = `
  LEFT JOIN LATERAL (
    SELECT array_agg(ls.subject ORDER BY ls.subject) AS subjects, max(ls.attempts) AS attempts,
           min(ls.next_try_at) FILTER (WHERE ls.state = 'open') AS next_try_at, max(ls.reason) AS reason
    FROM elp.letter_subject ls WHERE ls.letter_id = l.id
  ) w ON true`;

function conditionsOf(filter: LetterFilter): { where: string; parameters: unknown[] } {
  const parameters: unknown[] = [];
  const conditions = ['true'];
  const add = (sql: (n: string) => string, value: unknown) => {
    parameters.push(value);
    conditions.push(sql(`$${parameters.length}`));
  };
  if (filter.ids)
    add(
      (n) => `l.id = ANY(${n}::bigint[])`,
      filter.ids.filter((id) => ID.test(id)),
    );
  if (filter.status) add((n) => `l.status = ${n}`, filter.status);
  if (filter.event) add((n) => `l.event = ${n}`, filter.event);
  if (filter.subject) {
    add(
      (n) => `EXISTS (SELECT 1 FROM elp.letter_subject f WHERE f.letter_id = l.id AND f.subject = ${n})`,
      filter.subject,
    );
  }
  return { where: conditions.join(' AND '), parameters };
}

/** What an operator does with letters that were kept. */
export function createArchive(options: { database: Database; clock: Clock }) {
  const { database, clock } = options;
  const now = () => new Date(clock.now());

  return {
    async list({ limit = 50, before, ...filter }: ListOptions = {}): Promise<LetterRecord[]> {
      const { where, parameters } = conditionsOf(filter);
      const older = before && ID.test(before) ? `AND l.id < ${before}` : '';
      const { rows } = await database.query<LetterRecord>(
        `SELECT ${RECORD} FROM elp.letter l ${WORK} WHERE ${where} ${older}
         ORDER BY l.id DESC LIMIT ${Math.min(1_000, Math.max(1, Math.trunc(limit) || 50))}`,
        parameters,
      );
      return rows;
    },

    async show(id: string): Promise<LetterDetail | undefined> {
      if (!ID.test(id)) return undefined;
      const { rows } = await database.query<LetterRecord & { body: string }>(
        `SELECT ${RECORD}, l.body FROM elp.letter l ${WORK} WHERE l.id = $1`,
        [id],
      );
      const row = rows[0];
      if (!row) return undefined;
      const work = await database.query<LetterDetail['work'][number]>(
        `SELECT subject, state, attempts, next_try_at AS "nextTryAt", reason
         FROM elp.letter_subject WHERE letter_id = $1 ORDER BY subject`,
        [id],
      );
      const { body, ...record } = row;
      let payload: unknown = body;
      try {
        payload = JSON.parse(body);
      } catch {
        // Shown as it came.
      }
      return { ...record, payload, work: work.rows };
    },

    /** Opens letters again, with all their tries; by default the dead ones. Those of nobody stay as they are. */
    async replay(filter: LetterFilter): Promise<number> {
      const { where, parameters } = conditionsOf(filter.ids ? filter : { status: 'dead', ...filter });
      const n = parameters.length;
      const { rows } = await database.query<{ count: string }>(
        `WITH chosen AS (
           SELECT l.id FROM elp.letter l
           WHERE ${where} AND l.status <> 'open' AND NOT l.forget
             AND EXISTS (SELECT 1 FROM elp.letter_subject ls WHERE ls.letter_id = l.id)
           ORDER BY l.id FOR UPDATE
         ), opened AS (
           UPDATE elp.letter_subject ls SET state = 'open', attempts = 0, next_try_at = $${n + 1}, reason = NULL
           FROM chosen WHERE ls.letter_id = chosen.id AND (ls.state <> 'done' OR $${n + 2})
           RETURNING ls.letter_id
         ), counted AS (
           SELECT letter_id, count(*)::int AS n FROM opened GROUP BY letter_id
         ), letters AS (
           UPDATE elp.letter l SET status = 'open', reason = NULL, settled_at = NULL, dead_subjects = 0, open_subjects = c.n
           FROM counted c WHERE c.letter_id = l.id
         )
         SELECT count(*) AS count FROM counted`,
        // A dead letter is tried again where it died; a letter that is named may also have gone well.
        [...parameters, now(), filter.ids !== undefined],
      );
      return Number(rows[0]?.count ?? 0);
    },

    /** Gives letters up for good; by default the dead ones. Their record stays for the retention time. */
    async drop(filter: LetterFilter): Promise<number> {
      const { where, parameters } = conditionsOf(filter.ids ? filter : { status: 'dead', ...filter });
      const n = parameters.length;
      const { rows } = await database.query<{ count: string }>(
        `WITH chosen AS (
           SELECT l.id FROM elp.letter l WHERE ${where} AND l.status IN ('dead', 'open') ORDER BY l.id FOR UPDATE
         ), parts AS (
           UPDATE elp.letter_subject ls SET state = 'dropped' FROM chosen
           WHERE ls.letter_id = chosen.id AND ls.state IN ('open', 'dead')
         ), letters AS (
           UPDATE elp.letter l SET status = 'dropped', settled_at = $${n + 1}, open_subjects = 0, dead_subjects = 0,
             body = CASE WHEN l.forget THEN '{"forgotten":true}' ELSE l.body END
           FROM chosen WHERE chosen.id = l.id RETURNING 1
         )
         SELECT count(*) AS count FROM letters`,
        [...parameters, now()],
      );
      return Number(rows[0]?.count ?? 0);
    },

    /**
     * Removes what deliveries tell about a person; that they came, and the pseudonymous id, stays. A letter that
     * is still to be worked is emptied when it is done.
     */
    async forgetPersonalData(userId: string): Promise<number> {
      const { rowCount } = await database.query(
        `UPDATE elp.letter l SET
           forget = true,
           body = CASE WHEN l.status = 'open' THEN l.body ELSE '{"forgotten":true}' END,
           status = CASE WHEN l.status = 'dead' THEN 'dropped' ELSE l.status END
         WHERE NOT l.forget
           AND EXISTS (SELECT 1 FROM elp.letter_subject ls WHERE ls.letter_id = l.id AND ls.subject = $1)
           AND l.event NOT LIKE 'Organization.%'`,
        [`user:${userId}`],
      );
      return rowCount;
    },

    /** Settled letters go after 30 days, and the leases of subjects that nobody speaks of any more. */
    async removeOld(): Promise<number> {
      let removed = 0;
      for (let page = REMOVED_AT_ONCE; page === REMOVED_AT_ONCE; removed += page) {
        const { rowCount } = await database.query(
          `DELETE FROM elp.letter WHERE id IN (
             SELECT id FROM elp.letter WHERE settled_at < $1 ORDER BY settled_at LIMIT $2)`,
          [new Date(clock.now() - KEEP_MS), REMOVED_AT_ONCE],
        );
        page = rowCount;
      }
      await database.query(
        `DELETE FROM elp.subject s WHERE s.lease_until IS NULL AND s.touches <= s.touches_done
           AND NOT EXISTS (SELECT 1 FROM elp.letter_subject ls WHERE ls.subject = s.subject)`,
      );
      return removed;
    },
  };
}
