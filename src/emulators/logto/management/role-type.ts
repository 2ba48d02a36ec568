import type { RoleRecord } from '../directory/records.ts';
import { ManagementError } from './management-error.ts';

/**
 * People have roles for people, machines roles for machines.
 *
 * @throws ManagementError 422 `user.invalid_role_type`, `application.invalid_role_type`.
 */
export function requireRoleType(role: Pick<RoleRecord, 'type'>, type: RoleRecord['type']): void {
  if (role.type === type) return;
  throw type === 'User'
    ? new ManagementError(
        422,
        'user.invalid_role_type',
        'Machine to machine roles cannot be assigned to a user.',
      )
    : new ManagementError(
        422,
        'application.invalid_role_type',
        'Can not assign user type role to machine to machine application.',
      );
}
