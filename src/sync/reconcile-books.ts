import type { Clock } from '../clock.ts';
import type { Database, Queryable } from '../database/database.ts';
import { keyOfSubject, subjectOfKey } from './census-books.ts';
import { type BookedGrant, roleOf } from './ledger.ts';
import type { RoleChange } from './plan-reconcile.ts';

type Claim = { key: string; grants: readonly BookedGrant[]; tenants: readonly string[] };

/** How reconcile writes the books: many rows a statement, and never over what somebody else wrote meanwhile. */
export function createReconcileBooks(database: Database, clock: Clock) {
  const now = () => new Date(clock.now());

  async function insertGrants(db: Queryable, rows: readonly object[]): Promise<void> {
    if (rows.length === 0) return;
    await db.query(
      `insert into elp.managed_grant as g (user_key, tenant, role, source, found, done)
       select r.key, r.tenant, r.role, r.source, r.found, r.done
       from jsonb_to_recordset($1::jsonb)
         as r(key text, tenant text, role text, source text, found boolean, done boolean)
       on conflict (user_key, tenant, role, source) do update set done = g.done or excluded.done`,
      [JSON.stringify(rows)],
    );
  }

  async function insertMemberships(
    db: Queryable,
    rows: readonly { key: string; tenant: string }[],
  ): Promise<void> {
    if (rows.length === 0) return;
    await db.query(
      `insert into elp.sync_membership as m (user_key, tenant, member, mark_ms)
       select r.key, r.tenant, true, $2 from jsonb_to_recordset($1::jsonb) as r(key text, tenant text)
       on conflict (user_key, tenant) do update set member = true, settled = true, mark_ms = excluded.mark_ms
       where m.mark_ms < excluded.mark_ms`,
      [JSON.stringify(rows), clock.now()],
    );
  }

  const idsOf = (keys: readonly string[]) => JSON.stringify(keys.map(subjectOfKey));

  return {
    /** Books users that nobody has booked yet; the ids that are ours now. */
    async claim(rows: readonly Claim[]): Promise<Set<string>> {
      return database.transaction(async (tx) => {
        const { rows: claimed } = await tx.query<{ id: string }>(
          `insert into elp.sync_subject (id, default_decided, settled, created_at, changed_at)
           select value, true, false, $2, $2 from jsonb_array_elements_text($1::jsonb)
           on conflict (id) do nothing returning id`,
          [idsOf(rows.map((row) => row.key)), now()],
        );
        const ids = new Set(claimed.map((row) => row.id));
        const mine = rows.filter((row) => ids.has(subjectOfKey(row.key)));
        await insertGrants(
          tx,
          mine.flatMap(({ key, grants }) =>
            grants.map(({ id, ...grant }) => ({ key, ...roleOf(id), ...grant })),
          ),
        );
        await insertMemberships(
          tx,
          mine.flatMap(({ key, tenants }) => tenants.map((tenant) => ({ key, tenant }))),
        );
        return ids;
      });
    },
    /** Closes the books of those that nobody has written meanwhile; the keys of the others. */
    async settle(keys: readonly string[]): Promise<string[]> {
      return database.transaction(async (tx) => {
        const { rows } = await tx.query<{ id: string }>(
          `update elp.sync_subject set settled = true, changed_at = $2
           where id in (select value from jsonb_array_elements_text($1::jsonb)) and state = 'active'
             and (version = 1 or id like 'machine:%') returning id`,
          [idsOf(keys), now()],
        );
        const settled = new Set(rows.map((row) => keyOfSubject(row.id)));
        await tx.query(
          `update elp.managed_grant set done = true
           where not done and user_key in (select value from jsonb_array_elements_text($1::jsonb))`,
          [JSON.stringify(keys.filter((key) => settled.has(key)))],
        );
        return keys.filter((key) => !settled.has(key));
      });
    },
    mark: (changes: readonly RoleChange[], how: { found: boolean; done: boolean }) =>
      insertGrants(
        database,
        changes.map(({ key, id }) => ({ key, ...roleOf(id), source: 'logto', ...how })),
      ),
    async unmark(changes: readonly RoleChange[]): Promise<void> {
      await database.query(
        `delete from elp.managed_grant g
         using jsonb_to_recordset($1::jsonb) as r(key text, tenant text, role text)
         where g.user_key = r.key and g.tenant = r.tenant and g.role = r.role and g.source = 'logto'`,
        [JSON.stringify(changes.map(({ key, id }) => ({ key, ...roleOf(id) })))],
      );
    },
    join: (rows: readonly { key: string; tenant: string }[]) => insertMemberships(database, rows),
    async leave(key: string, tenant: string): Promise<void> {
      await database.query('delete from elp.managed_grant where user_key = $1 and tenant = $2', [
        key,
        tenant,
      ]);
      await database.query('delete from elp.sync_membership where user_key = $1 and tenant = $2', [
        key,
        tenant,
      ]);
    },
    /** Keys whose row is no longer the one that was read. */
    async movedSince(versions: ReadonlyMap<string, number>): Promise<string[]> {
      const keys = [...versions.keys()];
      const { rows } = await database.query<{ id: string; version: string }>(
        `select id, version from elp.sync_subject where id in (select value from jsonb_array_elements_text($1::jsonb))`,
        [idsOf(keys)],
      );
      const present = new Map(rows.map((row) => [row.id, Number(row.version)]));
      return keys.filter((key) => present.get(subjectOfKey(key)) !== versions.get(key));
    },
    /** Notes that Logto did not know these; the ones that it did not know a while ago either. */
    async missing(ids: readonly string[], apartMs: number): Promise<Set<string>> {
      const { rows } = await database.query<{ id: string }>(
        `update elp.sync_subject set missing_since = coalesce(missing_since, $2)
         where id in (select value from jsonb_array_elements_text($1::jsonb)) and state <> 'deleted'
         returning id, missing_since <= $3 as twice`,
        [JSON.stringify(ids), now(), new Date(clock.now() - apartMs)],
      );
      return new Set(
        (rows as { id: string; twice?: boolean }[]).filter((row) => row.twice).map((row) => row.id),
      );
    },
    /** Everybody else is there, whether asked for or listed: an earlier miss counts no more. */
    async foundAllBut(ids: readonly string[]): Promise<void> {
      await database.query(
        `update elp.sync_subject set missing_since = null
         where missing_since is not null and id not in (select value from jsonb_array_elements_text($1::jsonb))`,
        [JSON.stringify(ids)],
      );
    },
    /** The tombstone; the worker of the subject does the rest. */
    async bury(ids: readonly string[]): Promise<void> {
      await database.query(
        `update elp.sync_subject set state = 'deleted', settled = false, snapshot = null, version = version + 1, changed_at = $2
         where id in (select value from jsonb_array_elements_text($1::jsonb)) and state <> 'deleted'`,
        [JSON.stringify(ids), now()],
      );
    },
  };
}

export type ReconcileBooks = ReturnType<typeof createReconcileBooks>;
