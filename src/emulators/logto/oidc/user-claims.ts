import type { UserRecord } from '../directory/records.ts';
import type { Directory } from '../directory/tables.ts';

export const ORGANIZATIONS_SCOPE = 'urn:logto:scope:organizations';
export const ORGANIZATION_ROLES_SCOPE = 'urn:logto:scope:organization_roles';
/** Reserved resource: carries organization permissions in an authorization request. */
export const ORGANIZATIONS_RESOURCE = 'urn:logto:resource:organizations';

/** Scopes about the person; everything else in a request belongs to a resource. */
export const IDENTITY_SCOPES: ReadonlySet<string> = new Set([
  'openid',
  'offline_access',
  'profile',
  'email',
  'phone',
  'address',
  'custom_data',
  'identities',
  'roles',
  ORGANIZATIONS_SCOPE,
  ORGANIZATION_ROLES_SCOPE,
  'urn:logto:scope:sessions',
]);

type Claims = Record<string, unknown>;

/** Claims of an ID token (`userinfo: false`) or of `/oidc/me`, by scope, in the order in which Logto has them. */
export function userClaims(
  directory: Directory,
  user: UserRecord,
  scopes: readonly string[],
  { userinfo }: { userinfo: boolean },
): Claims {
  const has = (scope: string) => scopes.includes(scope);
  return {
    sub: user.id,
    ...(has('profile') ? profileClaims(user) : {}),
    ...(has('email') ? { email: user.primaryEmail, email_verified: user.primaryEmail !== null } : {}),
    ...(has('phone')
      ? { phone_number: user.primaryPhone, phone_number_verified: user.primaryPhone !== null }
      : {}),
    ...(has('address') && user.profile.address ? { address: user.profile.address } : {}),
    ...(has('roles') ? { roles: roleNames(directory, user) } : {}),
    ...(userinfo && has('custom_data') ? { custom_data: user.customData } : {}),
    ...(userinfo && has('identities') ? { identities: user.identities, sso_identities: [] } : {}),
    ...(has(ORGANIZATIONS_SCOPE) ? organizationClaims(directory, user, userinfo) : {}),
    ...(has(ORGANIZATION_ROLES_SCOPE) ? { organization_roles: organizationRoleNames(directory, user) } : {}),
  };
}

function profileClaims({ name, username, avatar, profile, createdAt, updatedAt }: UserRecord): Claims {
  const text = (key: string) => (profile[key] === undefined ? {} : { [snakeCase(key)]: profile[key] });
  return {
    name,
    ...text('familyName'),
    ...text('givenName'),
    ...text('middleName'),
    ...text('nickname'),
    ...(profile.preferredUsername !== undefined || username !== null
      ? { preferred_username: profile.preferredUsername ?? username }
      : {}),
    ...text('profile'),
    picture: avatar,
    ...text('website'),
    ...text('gender'),
    ...text('birthdate'),
    ...text('zoneinfo'),
    ...text('locale'),
    // Milliseconds, against the specification; as recorded.
    updated_at: updatedAt,
    username,
    created_at: createdAt,
  };
}

function roleNames({ roles }: Directory, user: UserRecord): string[] {
  return user.roleIds.flatMap((id) => roles.get(id)?.name ?? []);
}

function organizationClaims({ organizations }: Directory, user: UserRecord, userinfo: boolean): Claims {
  const mine = Object.keys(user.organizations)
    .sort()
    .flatMap((id) => organizations.get(id) ?? []);
  return {
    organizations: mine.map(({ id }) => id),
    ...(userinfo
      ? { organization_data: mine.map(({ id, name, description }) => ({ id, name, description })) }
      : {}),
  };
}

function organizationRoleNames({ organizationRoles }: Directory, user: UserRecord): string[] {
  return Object.entries(user.organizations).flatMap(([organization, roleIds]) =>
    roleIds.flatMap((id) => {
      const role = organizationRoles.get(id);
      return role ? `${organization}:${role.name}` : [];
    }),
  );
}

function snakeCase(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
