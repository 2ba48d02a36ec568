import type { ApplicationRecord, OrganizationRecord, UserRecord } from './records.ts';
import type { Directory } from './tables.ts';

/** A user by id, username or e-mail address. */
export function findUser({ users }: Directory, name: string): UserRecord | undefined {
  return users.get(name) ?? users.find((user) => user.username === name) ?? findByEmail(users.all(), name);
}

/** An organization by id or name. */
export function findOrganization({ organizations }: Directory, name: string): OrganizationRecord | undefined {
  return organizations.get(name) ?? organizations.find((organization) => organization.name === name);
}

/** An application by id or name. */
export function findApplication({ applications }: Directory, name: string): ApplicationRecord | undefined {
  return applications.get(name) ?? applications.find((application) => application.name === name);
}

function findByEmail(users: UserRecord[], email: string): UserRecord | undefined {
  const wanted = email.toLowerCase();
  return users.find((user) => user.primaryEmail?.toLowerCase() === wanted);
}
