import type { Database, Queryable } from '../database/database.ts';
import { PermissionDenied } from '../errors.ts';
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
  /** Logto gave the role, and the next comparison with Logto gives it again to whoever lost it here. */
  isFromLogto(grant: { user: string; tenant: string; role: string }): Promise<boolean>;
  /** Marks a role as given by the application, so that a reconcile leaves it alone; `false` takes the mark back. */
  bookRole(
    tx: Queryable,
    grant: { user: string; tenant: string; role: string },
    given: boolean,
  ): Promise<void>;
  /**
   * For the transaction that settles what Permit has been given for a member. Who is at work on the member at this
   * moment hears of it and plans again, so that nothing outlives a membership for having come too late to be seen.
   *
   * @throws PermissionDenied when the member has gone, or was suspended, since the grant was begun.
   */
  confirmGrant(tx: Queryable, grant: { user: string; tenant: string }): Promise<void>;
};

type Standing = { user_key: string; state: string | null; member: boolean | null; held: boolean | null };

/** The key leads, so that an index finds the rows of one person. */
const ONE = '(values ($2::text))';
const EVERYBODY = `(select user_key from elp.sync_membership where tenant = $1
  union select user_key from elp.sync_subject where $3 and user_key is not null
  union select jsonb_array_elements_text($2::jsonb))`;

const standingsOf = (keys: typeof ONE | typeof EVERYBODY) =>
  `select k.user_key, s.state, m.member,
     s.snapshot @> jsonb_build_array(jsonb_build_object('tenant', $1::text)) as held
   from ${keys} k(user_key)
   left join elp.sync_subject s on s.user_key = k.user_key
   left join elp.sync_membership m on m.user_key = k.user_key and m.tenant = $1`;

/** Who belongs to a tenant, from the books of sync and from Permit's own assignments. */
export function createMemberBook(options: {
  database: Database;
  directory: Directory;
  defaultTenant: string;
  /** Roles at Logto are followed; otherwise whatever it gave once is nobody's any more. */
  mirrored: boolean;
}): MemberBook {
  const { database, directory, defaultTenant, mirrored } = options;

  /** What the books say: a row that says no outweighs whatever Permit still holds. */
  async function standingOf(key: string, tenant: string, on: Queryable = database) {
    const { rows } = await on.query<Standing>(standingsOf(ONE), [tenant, key]);
    return rows[0];
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
      for await (const page of directory.listAssignments({ tenant, tenantRolesOnly: true })) {
        for (const { user, role } of page) roles.set(user, [...(roles.get(user) ?? []), role]);
      }
      const { rows } = await database.query<Standing>(standingsOf(EVERYBODY), [
        tenant,
        JSON.stringify([...roles.keys()]),
        tenant === defaultTenant,
      ]);
      return rows
        .filter((standing) => belongs(standing, roles.has(standing.user_key), tenant))
        .map(({ user_key: id }) => ({ id, kind: kindOf(id), roles: (roles.get(id) ?? []).sort() }))
        .sort((a, b) => (a.id < b.id ? -1 : 1));
    },
    async isMember(key, tenant, { orSuspended = false } = {}) {
      const [standing, assigned] = await Promise.all([
        standingOf(key, tenant),
        directory.assignmentsOf(key, tenant),
      ]);
      return (
        belongs(standing, assigned.some(isTenantRole), tenant) ||
        (orSuspended && belongsButForSuspension(standing, tenant))
      );
    },
    async rolesOf(key, tenant) {
      const assigned = await directory.assignmentsOf(key, tenant);
      return assigned.filter(isTenantRole).map(({ role }) => role);
    },
    async isFromLogto({ user, tenant, role }) {
      if (!mirrored) return false;
      const { rowCount } = await database.query(
        `select 1 from elp.managed_grant where user_key = $1 and tenant = $2 and role = $3 and source = 'logto'`,
        [user, tenant, role],
      );
      return rowCount === 1;
    },
    async bookRole(tx, { user, tenant, role }, isGiven) {
      const sql = isGiven
        ? `insert into elp.managed_grant (user_key, tenant, role, source, done) values ($1, $2, $3, 'app', true)
           on conflict do nothing`
        : `delete from elp.managed_grant where user_key = $1 and tenant = $2 and role = $3 and source = 'app'`;
      await tx.query(sql, [user, tenant, role]);
    },
    async confirmGrant(tx, { user, tenant }) {
      // First: whoever is closing the books on the member just now is waited for, and then read.
      await tx.query('update elp.sync_subject set removals = removals + 1 where user_key = $1', [user]);
      // Permit holds the grant itself by now, so that only the books can say no.
      if (!belongs(await standingOf(user, tenant, tx), true, tenant))
        throw new PermissionDenied('no member of the tenant any more');
    },
  };
}

const isTenantRole = ({ resourceInstance }: Assignment) => resourceInstance === undefined;
const kindOf = (key: string): Member['kind'] => (key.startsWith('m2m|') ? 'machine' : 'user');
