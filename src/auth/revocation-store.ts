import type { Clock } from '../clock.ts';
import type { Database } from '../database/database.ts';

export const REVOCATION_CHANNEL = 'elp_revocation';

/** A row of an active subject is of no use once every token of its time has expired. */
const KEEP_ACTIVE_MS = 30 * 86_400_000;
/** Rows of transactions that commit late have an older stamp than rows already seen: look back this far. */
const OVERLAP_MS = 60_000;

export type SubjectState = 'active' | 'suspended' | 'deleted';
export type Revocation = { sub: string; at: Date; state: SubjectState; changedAt: Date; version: number };

type Row = { sub: string; revoked_at: Date; state: SubjectState; changed_at: Date; version: string };

const PUT = `
  with put as (
    insert into elp.revocation as r (sub, revoked_at, state) values ($1, $2, $3)
    on conflict (sub) do update set
      revoked_at = greatest(r.revoked_at, excluded.revoked_at),
      state = case when excluded.revoked_at >= r.revoked_at then excluded.state else r.state end,
      changed_at = clock_timestamp(),
      version = default
    returning sub, revoked_at, state, changed_at, version
  )
  select put.*, pg_notify('${REVOCATION_CHANNEL}', put.sub) from put`;

/** The SQL of revocations, and nothing else. A late call with an older `at` never lifts a newer state. */
export type RevocationStore = ReturnType<typeof createRevocationStore>;

export function createRevocationStore({ database, clock }: { database: Database; clock: Clock }) {
  return {
    async put(sub: string, at: Date, state: SubjectState): Promise<Revocation> {
      const { rows } = await database.query<Row>(PUT, [sub, at, state]);
      return revocationOf(rows[0] as Row);
    },

    /** Rows changed since the newest that is known; all of them when `since` is not given. */
    async changedSince(since?: Date): Promise<Revocation[]> {
      const from = since ? new Date(since.getTime() - OVERLAP_MS) : new Date(0);
      const { rows } = await database.query<Row>(
        'select sub, revoked_at, state, changed_at, version from elp.revocation where changed_at >= $1',
        [from],
      );
      return rows.map(revocationOf);
    },

    async removeOld(): Promise<void> {
      await database.query(`delete from elp.revocation where state = 'active' and revoked_at < $1`, [
        new Date(clock.now() - KEEP_ACTIVE_MS),
      ]);
    },
  };
}

function revocationOf(row: Row): Revocation {
  return {
    sub: row.sub,
    at: row.revoked_at,
    state: row.state,
    changedAt: row.changed_at,
    version: Number(row.version),
  };
}
