import type { Queryable } from '../database/database.ts';
import type { ManagedGrant, SubjectRecord } from './subject-record.ts';

/** A later holder of the lease has written: whoever asks is too late and must change nothing. */
export class FencedOut extends Error {
  constructor(id: string) {
    super(`a later worker has written ${id}`);
    this.name = 'FencedOut';
  }
}

/**
 * Something was taken or given since the record was read: what was planned would bring the one back and leave the
 * other behind.
 */
export class TakenMeanwhile extends Error {
  constructor(id: string) {
    super(`something was taken from ${id}, or given, meanwhile`);
    this.name = 'TakenMeanwhile';
  }
}

export type RecordChange = Partial<Omit<SubjectRecord, 'id' | 'known' | 'version' | 'removals'>>;

export type KeptGrants = { userKey: string; grants: readonly ManagedGrant[]; done: boolean };

const NO_GRANTS = { userKey: '', grants: [], done: false };

/**
 * Writes a subject's row, and with it grants of a user, unless a later fence has: the late writer of a lost lease
 * changes nothing.
 *
 * @param kept.done these grants have been made in the directory; a grant that was made once stays so.
 * @throws FencedOut, TakenMeanwhile
 */
export function createSaveSubject(options: {
  now(): Date;
  record(id: string, db?: Queryable): Promise<SubjectRecord>;
}) {
  const { now, record } = options;

  return async function save(
    db: Queryable,
    before: SubjectRecord,
    change: RecordChange,
    fence: number,
    kept: KeptGrants = NO_GRANTS,
  ) {
    const next = { ...before, ...change };
    const { rows } = await db.query(
      `with saved as (
         insert into elp.sync_subject as s (id, state, announced, announced_at, default_decided, settled, snapshot,
           mark_ms, profile_mark_ms, fence, created_at, changed_at)
         values ($1, $2, $3, $11, $4, $5, $6::jsonb, $7, $8, $9, $10, $10)
         on conflict (id) do update set state = excluded.state, announced = excluded.announced,
           announced_at = excluded.announced_at, default_decided = excluded.default_decided,
           settled = excluded.settled, snapshot = excluded.snapshot, mark_ms = excluded.mark_ms,
           profile_mark_ms = excluded.profile_mark_ms, fence = excluded.fence, missing_since = null,
           version = s.version + 1, changed_at = excluded.changed_at
         where s.fence <= excluded.fence and (s.state <> 'deleted' or excluded.state = 'deleted')
           and (s.removals = $12 or excluded.state = 'deleted')
         returning s.id
       ), kept as (
         insert into elp.managed_grant as g (user_key, tenant, role, source, found, done)
         select $13, r.tenant, r.role, r.source, r.found, r.done or $15
         from saved, jsonb_to_recordset($14::jsonb) as r(tenant text, role text, source text, found boolean, done boolean)
         on conflict (user_key, tenant, role, source) do update set done = g.done or excluded.done
       )
       select id from saved`,
      [
        before.id,
        next.state,
        next.announced,
        next.defaultDecided,
        next.settled,
        next.snapshot ? JSON.stringify(next.snapshot) : null,
        next.markMs,
        next.profileMarkMs,
        fence,
        now(),
        next.announcedAtMs ? new Date(next.announcedAtMs) : null,
        before.removals,
        kept.userKey,
        JSON.stringify(kept.grants),
        kept.done,
      ],
    );
    if (rows.length > 0) return;
    const present = await record(before.id, db);
    throw present.removals === before.removals ? new FencedOut(before.id) : new TakenMeanwhile(before.id);
  };
}
