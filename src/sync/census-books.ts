import type { Database } from '../database/database.ts';
import { type Ledger, roleId } from './ledger.ts';
import type { GrantSource, SubjectState } from './subject-record.ts';

const ROWS = 5000;

/** Key at the directory of a subject of ours; organizations have none. */
export function keyOfSubject(id: string): string | undefined {
  if (id.startsWith('user:')) return id.slice('user:'.length);
  return id.startsWith('machine:') ? `m2m|${id.slice('machine:'.length)}` : undefined;
}

export const subjectOfKey = (key: string): string =>
  key.startsWith('m2m|') ? `machine:${key.slice('m2m|'.length)}` : `user:${key}`;

async function readAll<Row>(
  database: Database,
  sql: string,
  first: readonly string[],
  keysOf: (row: Row) => readonly string[],
  use: (row: Row) => void,
): Promise<void> {
  let after = first;
  for (;;) {
    const { rows } = await database.query<Row>(sql, [ROWS, ...after]);
    for (const row of rows) use(row);
    const last = rows.at(-1);
    if (!last || rows.length < ROWS) return;
    after = keysOf(last);
  }
}

/** Reads our own books into the ledger, some thousand rows at a time. */
export async function readBooks(database: Database, ledger: Ledger): Promise<Map<string, SubjectState>> {
  const organizations = new Map<string, SubjectState>();
  type Subject = {
    id: string;
    state: SubjectState;
    version: string;
    settled: boolean;
    default_decided: boolean;
  };
  await readAll<Subject>(
    database,
    `select id, state, version, settled, default_decided from elp.sync_subject
     where id > $2 order by id limit $1`,
    [''],
    (row) => [row.id],
    (row) => {
      const key = keyOfSubject(row.id);
      if (key === undefined) {
        organizations.set(row.id.slice('organization:'.length), row.state);
        return;
      }
      const entry = ledger.entry(key);
      entry.state = row.state;
      entry.version = Number(row.version);
      entry.settled = row.settled;
      entry.defaultDecided = row.default_decided;
    },
  );
  type Grant = {
    user_key: string;
    tenant: string;
    role: string;
    source: GrantSource;
    found: boolean;
    done: boolean;
  };
  await readAll<Grant>(
    database,
    `select user_key, tenant, role, source, found, done from elp.managed_grant
     where (user_key, tenant, role, source) > ($2, $3, $4, $5)
     order by user_key, tenant, role, source limit $1`,
    ['', '', '', ''],
    (row) => [row.user_key, row.tenant, row.role, row.source],
    (row) => {
      const entry = ledger.entry(row.user_key);
      const { source, found, done } = row;
      entry.grants = ledger.plusGrant(entry.grants, {
        id: roleId(row.tenant, row.role),
        source,
        found,
        done,
      });
    },
  );
  type Membership = { user_key: string; tenant: string };
  await readAll<Membership>(
    database,
    `select user_key, tenant from elp.sync_membership
     where member and (user_key, tenant) > ($2, $3) order by user_key, tenant limit $1`,
    ['', ''],
    (row) => [row.user_key, row.tenant],
    (row) => {
      const entry = ledger.entry(row.user_key);
      entry.booked = ledger.plus(entry.booked, row.tenant);
    },
  );
  return organizations;
}
