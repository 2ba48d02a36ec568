import type { Clock } from '../clock.ts';
import type { Database, Queryable } from '../database/database.ts';
import type { Assignment } from './ports.ts';
import { createSaveSubject } from './save-subject.ts';
import {
  type ManagedGrant,
  type SubjectRecord,
  type SubjectState,
  unknownSubject,
} from './subject-record.ts';

export type Membership = { tenant: string; member: boolean; markMs: number; settled: boolean };

/** All that the books hold of one user, read at one instant. */
export type UserBooks = { record: SubjectRecord; grants: ManagedGrant[]; memberships: Membership[] };

type Row = {
  id: string;
  state: SubjectState;
  announced: SubjectState;
  announced_at: Date | null;
  default_decided: boolean;
  settled: boolean;
  snapshot: Assignment[] | null;
  mark_ms: string;
  profile_mark_ms: string;
  version: string;
  removals: string;
};

type Nullable<T> = { [K in keyof T]: T[K] | null };

const recordOf = (row: Row): SubjectRecord => ({
  id: row.id,
  known: true,
  state: row.state,
  announced: row.announced,
  announcedAtMs: row.announced_at?.getTime() ?? 0,
  defaultDecided: row.default_decided,
  settled: row.settled,
  snapshot: row.snapshot ?? undefined,
  markMs: Number(row.mark_ms),
  profileMarkMs: Number(row.profile_mark_ms),
  version: Number(row.version),
  removals: Number(row.removals),
});

/** The books of sync: who is known, what was given by whom, who is a member where. */
export function createSubjectStore(database: Database, clock: Clock) {
  const now = () => new Date(clock.now());

  async function record(id: string, db: Queryable = database): Promise<SubjectRecord> {
    const { rows } = await db.query<Row>('select * from elp.sync_subject where id = $1', [id]);
    return rows[0] ? recordOf(rows[0]) : unknownSubject(id);
  }

  /** How long a subject has been in the books; `undefined` when it is not. */
  async function ageMs(id: string): Promise<number | undefined> {
    const { rows } = await database.query<{ created_at: Date }>(
      'select created_at from elp.sync_subject where id = $1',
      [id],
    );
    return rows[0] && clock.now() - rows[0].created_at.getTime();
  }

  /** Whether the subject is ours to begin: nobody has booked it before. */
  async function claim(id: string): Promise<boolean> {
    const { rowCount } = await database.query(
      `insert into elp.sync_subject (id, settled, created_at, changed_at) values ($1, false, $2, $2)
       on conflict (id) do nothing`,
      [id, now()],
    );
    return rowCount === 1;
  }

  async function grantsOf(userKey: string): Promise<ManagedGrant[]> {
    const { rows } = await database.query<ManagedGrant>(
      'select tenant, role, source, found, done from elp.managed_grant where user_key = $1',
      [userKey],
    );
    return rows;
  }

  /** In one statement: on the embedded database each costs a request that waits behind it. */
  async function booksOf(userKey: string): Promise<UserBooks> {
    const id = `user:${userKey}`;
    const { rows } = await database.query<Nullable<Row> & { grants: ManagedGrant[]; members: Membership[] }>(
      `select s.*,
         (select coalesce(json_agg(json_build_object('tenant', tenant, 'role', role, 'source', source,
            'found', found, 'done', done)), '[]') from elp.managed_grant where user_key = $2) as grants,
         (select coalesce(json_agg(json_build_object('tenant', tenant, 'member', member, 'markMs', mark_ms,
            'settled', settled)), '[]') from elp.sync_membership where user_key = $2) as members
       from (values (1)) always left join elp.sync_subject s on s.id = $1`,
      [id, userKey],
    );
    const [{ grants, members, ...row }] = rows as [(typeof rows)[number]];
    return {
      record: row.id === null ? unknownSubject(id) : recordOf(row as Row),
      grants,
      memberships: members,
    };
  }

  async function forgetGrants(db: Queryable, userKey: string, grants: readonly ManagedGrant[]) {
    if (grants.length === 0) return;
    await db.query(
      `delete from elp.managed_grant g using jsonb_to_recordset($2::jsonb) as r(tenant text, role text, source text)
       where g.user_key = $1 and g.tenant = r.tenant and g.role = r.role and g.source = r.source`,
      [userKey, JSON.stringify(grants)],
    );
  }

  /** The newest `markMs` wins; equal ones too, so that what was decided can be marked as settled. */
  async function keepMemberships(db: Queryable, userKey: string, rows: readonly Membership[]) {
    if (rows.length === 0) return;
    await db.query(
      `insert into elp.sync_membership as m (user_key, tenant, member, mark_ms, settled)
       select $1, r.tenant, r.member, r."markMs", r.settled
       from jsonb_to_recordset($2::jsonb) as r(tenant text, member boolean, "markMs" bigint, settled boolean)
       on conflict (user_key, tenant) do update
         set member = excluded.member, mark_ms = excluded.mark_ms, settled = excluded.settled
       where m.mark_ms <= excluded.mark_ms`,
      [userKey, JSON.stringify(rows)],
    );
  }

  /** What an organization's letter says of many users at once; each of them still has to be worked. */
  async function noteMemberships(
    db: Queryable,
    tenant: string,
    userKeys: readonly string[],
    member: boolean,
    markMs: number,
  ) {
    if (userKeys.length === 0) return;
    await db.query(
      `insert into elp.sync_membership as m (user_key, tenant, member, mark_ms, settled)
       select value, $1, $3, $4, $3 from jsonb_array_elements_text($2::jsonb)
       on conflict (user_key, tenant) do update
         set member = excluded.member, mark_ms = excluded.mark_ms, settled = excluded.settled
       where m.mark_ms < excluded.mark_ms`,
      [tenant, JSON.stringify([...new Set(userKeys)]), member, markMs],
    );
  }

  async function forgetAll(db: Queryable, userKey: string) {
    await db.query('delete from elp.managed_grant where user_key = $1', [userKey]);
    await db.query('delete from elp.sync_membership where user_key = $1', [userKey]);
  }

  async function forgetTenant(db: Queryable, tenant: string): Promise<string[]> {
    const { rows } = await db.query<{ user_key: string }>(
      `select user_key from elp.sync_membership where tenant = $1 and member
       union select user_key from elp.managed_grant where tenant = $1`,
      [tenant],
    );
    await db.query('delete from elp.managed_grant where tenant = $1', [tenant]);
    await db.query('delete from elp.sync_membership where tenant = $1', [tenant]);
    // A suspended user must not get roles of a tenant back that is no more.
    await db.query(
      `update elp.sync_subject set removals = removals + 1, snapshot = (
         select coalesce(jsonb_agg(a), '[]'::jsonb) from jsonb_array_elements(snapshot) a where a->>'tenant' <> $1)
       where snapshot is not null`,
      [tenant],
    );
    return rows.map((row) => row.user_key);
  }

  return {
    database,
    now,
    record,
    ageMs,
    claim,
    booksOf,
    grantsOf,
    save: createSaveSubject({ now, record }),
    forgetGrants,
    keepMemberships,
    noteMemberships,
    forgetAll,
    forgetTenant,
  };
}

export type SubjectStore = ReturnType<typeof createSubjectStore>;
