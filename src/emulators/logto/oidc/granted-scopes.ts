import type { ApplicationRecord, UserRecord } from '../directory/records.ts';
import type { Directory } from '../directory/tables.ts';
import { IDENTITY_SCOPES, ORGANIZATIONS_RESOURCE } from './user-claims.ts';

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

type Asked = { scopes: readonly string[]; resources: readonly string[] };

/**
 * What an authorization gives, by resource: of the scopes that it asks for, those that the person holds then.
 * More than that takes another authorization. Organization permissions are weighed per organization, later.
 */
export function authorizedResourceScopes(
  directory: Directory,
  subject: Subject,
  { scopes, resources }: Asked,
): Record<string, string[]> {
  const heldFor = (indicator: string): string[] => {
    if (indicator === ORGANIZATIONS_RESOURCE)
      return directory.organizationScopes.all().map(({ name }) => name);
    const resource = directory.resources.find((row) => row.indicator === indicator);
    return resource ? grantedResourceScopes(directory, subject, resource.id, { machine: false }) : [];
  };
  return Object.fromEntries(resources.map((indicator) => [indicator, narrowed(scopes, heldFor(indicator))]));
}

/** The scopes about the person, and those of the resources. */
export function authorizedScopes(
  scopes: readonly string[],
  resourceScopes: Record<string, readonly string[]>,
): string[] {
  const identity = scopes.filter((scope) => IDENTITY_SCOPES.has(scope));
  return [...new Set([...identity, ...Object.values(resourceScopes).flat()])];
}

/** What was asked for and is held, in the order in which it was asked for. */
export function narrowed(asked: readonly string[], held: readonly string[]): string[] {
  return asked.filter((scope) => held.includes(scope));
}
