import type {
  RoleAssignmentCreate,
  RoleAssignmentRead,
  RoleAssignmentRemove,
  UserCreate,
  UserRead,
} from 'permitio';
import type { Assignment, DirectoryUser } from '../sync/ports.ts';

/** A missing field comes back as `null`; ours is simply not there. */
export function directoryUserOf(user: UserRead): DirectoryUser {
  return {
    key: user.key,
    ...(user.email ? { email: user.email } : {}),
    ...(user.first_name ? { firstName: user.first_name } : {}),
    ...(user.last_name ? { lastName: user.last_name } : {}),
    ...(user.attributes && Object.keys(user.attributes).length > 0
      ? { attributes: user.attributes as Record<string, unknown> }
      : {}),
  };
}

export function toUser(user: DirectoryUser): UserCreate {
  return {
    key: user.key,
    ...(user.email ? { email: user.email } : {}),
    ...(user.firstName ? { first_name: user.firstName } : {}),
    ...(user.lastName ? { last_name: user.lastName } : {}),
    ...(user.attributes ? { attributes: user.attributes } : {}),
  };
}

export function assignmentOf(read: RoleAssignmentRead): Assignment {
  return {
    user: read.user,
    role: read.role,
    tenant: read.tenant ?? '',
    ...(read.resource_instance ? { resourceInstance: read.resource_instance } : {}),
  };
}

/**
 * Naming the tenant of an instance role lets the vendor create the instance when it is missing;
 * `onlyExisting` leaves it out, so that a deleted object cannot come back through a grant.
 */
export function toAssignment(
  assignment: Assignment,
  onlyExisting = false,
): RoleAssignmentCreate & RoleAssignmentRemove {
  const { user, role, tenant, resourceInstance } = assignment;
  if (!resourceInstance) return { user, role, tenant };
  const body = { user, role, tenant, resource_instance: resourceInstance };
  // The SDK's own type asks for a tenant that the API does not.
  return onlyExisting ? ({ ...body, tenant: undefined } as unknown as typeof body) : body;
}
