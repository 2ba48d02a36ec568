import type { Database } from '../database/database.ts';
import type { Directory } from './ports.ts';
import type { SubjectState } from './subject-record.ts';
import type { SubjectStore } from './subject-store.ts';

export const organizationSubject = (id: string) => `organization:${id}`;

/** Which organizations have their tenant, and which are gone for good. */
export function createTenantBook(options: { database: Database; store: SubjectStore; directory: Directory }) {
  const { database, store, directory } = options;

  async function statesOf(tenants: readonly string[]): Promise<Map<string, SubjectState>> {
    if (tenants.length === 0) return new Map();
    const { rows } = await database.query<{ id: string; state: SubjectState; settled: boolean }>(
      `select id, state, settled from elp.sync_subject
       where id in (select value from jsonb_array_elements_text($1::jsonb))`,
      [JSON.stringify(tenants.map(organizationSubject))],
    );
    return new Map(
      rows
        .filter((r) => r.settled || r.state === 'deleted')
        .map((r) => [r.id.slice('organization:'.length), r.state]),
    );
  }

  /** False when the organization has its tombstone. */
  async function note(tenant: string): Promise<boolean> {
    const { rowCount } = await database.query(
      `insert into elp.sync_subject (id, settled, created_at, changed_at) values ($1, true, $2, $2)
       on conflict (id) do update set settled = true where elp.sync_subject.state <> 'deleted'`,
      [organizationSubject(tenant), store.now()],
    );
    return rowCount === 1;
  }

  return {
    /** Its tenant is there. */
    note,
    /** Organizations with a tombstone: nothing is given in them any more. */
    async goneAmong(tenants: readonly string[]): Promise<Set<string>> {
      const states = await statesOf(tenants);
      return new Set([...states].filter(([, state]) => state === 'deleted').map(([tenant]) => tenant));
    },
    /** Makes the tenant when we have not made it yet: a membership may be heard of before its organization. */
    async ensure(tenant: { key: string; name: string }): Promise<void> {
      if ((await statesOf([tenant.key])).size > 0) return;
      // Its own worker may be at it with a better name.
      await directory.upsertTenant(tenant, { onlyNew: true });
      // Its deletion came in between, and found less than there is now.
      if (!(await note(tenant.key))) await directory.deleteTenant(tenant.key);
    },
  };
}

export type TenantBook = ReturnType<typeof createTenantBook>;
