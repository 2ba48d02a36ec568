import type { Database, Queryable } from '../database/database.ts';
import type { Assignment, Directory } from '../sync/ports.ts';

export type Member = { id: string; kind: 'user' | 'machine'; roles: string[] };

export type MemberBook = {
  /** Everybody who belongs to the tenant, with tenant roles as Permit has them, ordered by id. */
  list(tenant: string): Promise<Member[]>;
  /**
   * Belongs to the tenant now: neither deleted, suspended nor gone. `orSuspended` counts whoever is kept out by a
   * suspension alone: what comes back at its end can be taken before.
   */
  isMember(key: string, tenant: string, how?: { orSuspended?: boolean }): Promise<boolean>;
  rolesOf(key: string, tenant: string): Promise<string[]>;
  /** Marks a role as given by the application, so that a reconcile leaves it alone; `false` takes the mark back. */
  bookRole(
    tx: Queryable,
    grant: { user: string; tenant: string; role: string },
    given: boolean,
  ): Promise<void>;
};

type Standing = { user_key: string; state: string | null; member: boolean | null; held: boolean | null };

/** Who belongs to a tenant, from the books of sync and from Permit's own assignments. */
export function createMemberBook(options: {
  database: Database;
  directory: Directory;
  defaultTenant: string;
}): MemberBook {
  const { database, directory, defaultTenant } = options;

  /** What the books say: a row that says no outweighs whatever Permit still holds. */
  async function standings(tenant: string, key?: string): Promise<Map<string, Standing>> {
    const { rows } = await database.query<Standing>(
      `select coalesce(m.user_key, s.user_key) as user_key, s.state, m.member,
              s.snapshot @> jsonb_build_array(jsonb_build_object('tenant', $1::text)) as held
       from elp.sync_subject s full join (select * from elp.sync_membership where tenant = $1) m on m.user_key = s.user_key
       where ($2::text is null or coalesce(m.user_key, s.user_key) = $2) and (m.user_key is not null or $3 or $2::text is not null)
         and coalesce(m.user_key, s.user_key) is not null`,
      [tenant, key ?? null, tenant === defaultTenant],
    );
    return new Map(rows.map((row) => [row.user_key, row]));
  }

  const belongs = (standing: Standing | undefined, hasRole: boolean, tenant: string): boolean => {
    if (standing?.state === 'deleted' || standing?.state === 'suspended') return false;
    if (tenant === defaultTenant) return hasRole || standing?.state === 'active';
    return standing?.member ?? hasRole;
  };

  const belongsButForSuspension = (standing: Standing | undefined, tenant: string): boolean =>
    standing?.state === 'suspended' &&
    (tenant === defaultTenant ||
      standing.member === true ||
      (standing.member === null && standing.held === true));

  return {
    async list(tenant) {
      const roles = new Map<string, string[]>();
      for await (const page of directory.listAssignments({ tenant })) {
        for (const assignment of page.filter(isTenantRole)) {
          roles.set(assignment.user, [...(roles.get(assignment.user) ?? []), assignment.role]);
        }
      }
      const books = await standings(tenant);
      const known = new Set([...roles.keys(), ...books.keys()]);
      return [...known]
        .filter((id) => belongs(books.get(id), roles.has(id), tenant))
        .sort((a, b) => (a < b ? -1 : 1))
        .map((id) => ({ id, kind: kindOf(id), roles: (roles.get(id) ?? []).sort() }));
    },
    async isMember(key, tenant, { orSuspended = false } = {}) {
      const [books, assigned] = await Promise.all([
        standings(tenant, key),
        directory.assignmentsOf(key, tenant),
      ]);
      const standing = books.get(key);
      return (
        belongs(standing, assigned.some(isTenantRole), tenant) ||
        (orSuspended && belongsButForSuspension(standing, tenant))
      );
    },
    async rolesOf(key, tenant) {
      const assigned = await directory.assignmentsOf(key, tenant);
      return assigned.filter(isTenantRole).map(({ role }) => role);
    },
    async bookRole(tx, { user, tenant, role }, isGiven) {
      const sql = isGiven
        ? `insert into elp.managed_grant (user_key, tenant, role, source, done) values ($1, $2, $3, 'app', true)
           on conflict do nothing`
        : `delete from elp.managed_grant where user_key = $1 and tenant = $2 and role = $3 and source = 'app'`;
      await tx.query(sql, [user, tenant, role]);
    },
  };
}

const isTenantRole = ({ resourceInstance }: Assignment) => resourceInstance === undefined;
const kindOf = (key: string): Member['kind'] => (key.startsWith('m2m|') ? 'machine' : 'user');
