import type { World } from '../engine/roles.ts';
import { onePage } from '../rest/paging.ts';
import type { Query } from '../rest/query.ts';

type LocalAssignment = { user: string; role: string; tenant: string; resource_instance?: string };

/** `GET /local/role_assignments`: what the decision point's own copy knows. */
export function localAssignments({ facts }: World, query: Query): LocalAssignment[] {
  const wanted = {
    user: query.text('user'),
    role: query.text('role'),
    tenant: query.text('tenant'),
    resource: query.text('resource'),
    instance: query.text('resource_instance'),
  };
  const fits = (row: LocalAssignment): boolean =>
    (wanted.role === undefined || row.role === wanted.role) &&
    (wanted.tenant === undefined || row.tenant === wanted.tenant) &&
    (wanted.resource === undefined || row.resource_instance?.startsWith(`${wanted.resource}:`) === true) &&
    (wanted.instance === undefined || row.resource_instance === wanted.instance);

  function* rows(): Generator<LocalAssignment> {
    for (const user of wanted.user === undefined ? facts.users() : [wanted.user]) {
      for (const row of assignmentsOf(facts, user)) if (fits(row)) yield row;
    }
  }
  return onePage(rows(), query, (row) => row);
}

function* assignmentsOf(facts: World['facts'], user: string): Generator<LocalAssignment> {
  for (const tenant of facts.tenantsOf(user)) {
    for (const role of facts.tenantRolesOf(user, tenant)) yield { user, role, tenant };
  }
  for (const [instance, roles] of facts.objectRolesOf(user) ?? []) {
    const tenant = facts.instance(instance)?.tenant ?? '';
    for (const role of roles) yield { user, role, tenant, resource_instance: instance };
  }
}
