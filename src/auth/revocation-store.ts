import type { Clock } from '../clock.ts';
import type { Database } from '../database/database.ts';

export const REVOCATION_CHANNEL = 'elp_revocation';

/** A row of an active subject is of no use once every token of its time has expired. */
const KEEP_ACTIVE_MS = 30 * 86_400_000;
/** Rows of transactions that commit late are stamped before the read that missed them: look back this far. */
const OVERLAP_MS = 60_000;

export type SubjectState = 'active' | 'suspended' | 'deleted';
export type Revocation = { sub: string; at: Date; state: SubjectState; version: number };

type Row = { sub: string; revoked_at: Date; state: SubjectState; version: string };

/** Who names no state says nothing of it: any state that was ever said counts for more. */
const PUT = `
  with put as (
    insert into elp.revocation as r (sub, revoked_at, state, state_at)
    values ($1, $2, coalesce($3, 'active'), case when $3::text is null then '-infinity' else $2::timestamptz end)
    on conflict (sub) do update set
      revoked_at = greatest(r.revoked_at, excluded.revoked_at),
      state = case when excluded.state_at >= r.state_at then excluded.state else r.state end,
      state_at = greatest(r.state_at, excluded.state_at),
      changed_at = clock_timestamp(),
      version = default
    where excluded.revoked_at > r.revoked_at
      or excluded.state_at > r.state_at
      or (excluded.state_at = r.state_at and excluded.state <> r.state)
    returning sub, revoked_at, state, version
  )
  select put.*, pg_notify('${REVOCATION_CHANNEL}', put.sub) from put`;

const PRESENT = `select sub, revoked_at, state, version from elp.revocation where sub = $1`;

/** With the database's own time, for the stamps of the rows are its too; one row at least. */
const CHANGED = `
  select now.read_at, r.sub, r.revoked_at, r.state, r.version
  from (select clock_timestamp() as read_at) now left join elp.revocation r on r.changed_at >= $1`;

/** The SQL of revocations, and nothing else. A late call with an older `at` never lifts a newer state. */
export type RevocationStore = ReturnType<typeof createRevocationStore>;

export function createRevocationStore({ database, clock }: { database: Database; clock: Clock }) {
  return {
    /** @returns the subject's row as it stands; a call that changes nothing leaves its version alone. */
    async put(sub: string, at: Date, state?: SubjectState): Promise<Revocation[]> {
      const { rows: changed } = await database.query<Row>(PUT, [sub, at, state ?? null]);
      const rows = changed.length > 0 ? changed : (await database.query<Row>(PRESENT, [sub])).rows;
      return rows.map(revocationOf);
    },

    /** Rows changed since the read before this one, whose `readAt` is given; all of them the first time. */
    async changedSince(since?: Date): Promise<{ revocations: Revocation[]; readAt: Date }> {
      const from = since ? new Date(since.getTime() - OVERLAP_MS) : new Date(0);
      const { rows } = await database.query<(Row | { sub: null }) & { read_at: Date }>(CHANGED, [from]);
      return {
        revocations: rows.flatMap((row) => (row.sub === null ? [] : revocationOf(row))),
        readAt: rows[0]?.read_at as Date,
      };
    },

    /** @returns the time before which those of active subjects are gone. */
    async removeOld(): Promise<Date> {
      const before = new Date(clock.now() - KEEP_ACTIVE_MS);
      await database.query(`delete from elp.revocation where state = 'active' and revoked_at < $1`, [before]);
      return before;
    },
  };
}

function revocationOf(row: Row): Revocation {
  return {
    sub: row.sub,
    at: row.revoked_at,
    state: row.state,
    version: Number(row.version),
  };
}
