import type { ApplicationRecord, UserRecord } from '../directory/records.ts';
import type { Directory } from '../directory/tables.ts';

type Subject = Pick<UserRecord | ApplicationRecord, 'roleIds' | 'organizations'>;

/**
 * Scopes of an API resource that a user or a machine application holds now.
 *
 * A user has the scopes of the own roles, and of the roles in ALL organizations together, or in the one that is
 * named. A machine has those of its own roles, or, where an organization is named, those of its roles there alone.
 */
export function grantedResourceScopes(
  { roles, organizationRoles, scopes }: Directory,
  subject: Subject,
  resourceId: string,
  { organizationId, machine }: { organizationId?: string; machine: boolean },
): string[] {
  const ids = new Set(
    machine && organizationId !== undefined
      ? []
      : subject.roleIds.flatMap((id) => roles.get(id)?.scopeIds ?? []),
  );
  for (const [organization, roleIds] of Object.entries(subject.organizations))
    if (organizationId === undefined ? !machine : organization === organizationId)
      for (const id of roleIds.flatMap((role) => organizationRoles.get(role)?.resourceScopeIds ?? []))
        ids.add(id);
  return scopes
    .all()
    .filter((scope) => scope.resourceId === resourceId && ids.has(scope.id))
    .map((scope) => scope.name);
}

/** Organization permissions that the subject has in that organization. */
export function grantedOrganizationScopes(
  { organizationRoles, organizationScopes }: Directory,
  subject: Subject,
  organizationId: string,
): string[] {
  const roleIds = subject.organizations[organizationId] ?? [];
  const ids = new Set(roleIds.flatMap((id) => organizationRoles.get(id)?.scopeIds ?? []));
  return organizationScopes
    .all()
    .filter((scope) => ids.has(scope.id))
    .map((scope) => scope.name)
    .sort();
}

/** What was asked for and is held, in the order in which it was asked for. */
export function narrowed(asked: readonly string[], held: readonly string[]): string[] {
  return asked.filter((scope) => held.includes(scope));
}
