import type {
  ApplicationRecord,
  HookRecord,
  OrganizationRecord,
  OrganizationRoleRecord,
  OrganizationScopeRecord,
  ResourceRecord,
  RoleRecord,
  ScopeRecord,
  UserRecord,
} from '../directory/records.ts';
import type { Directory } from '../directory/tables.ts';
import type { LogtoVersion } from '../issuer.ts';
import { publicUser } from '../webhooks/payloads.ts';

const tenantId = 'default';

/** Users of the Management API carry `hasPassword` as well. */
export const presentedUser = (user: UserRecord) => ({
  ...publicUser(user),
  hasPassword: user.password !== null,
});

export const presentedRole = ({ id, name, description, type, isDefault }: RoleRecord) => ({
  tenantId,
  id,
  name,
  description,
  type,
  isDefault,
});

export const presentedOrganization = (row: OrganizationRecord) => ({
  tenantId,
  id: row.id,
  name: row.name,
  description: row.description,
  customData: row.customData,
  isMfaRequired: row.isMfaRequired,
  color: row.color,
  branding: row.branding,
  customCss: row.customCss,
  createdAt: row.createdAt,
});

export const presentedOrganizationRole = ({ id, name, description, type }: OrganizationRoleRecord) => ({
  tenantId,
  id,
  name,
  description,
  type,
});

export const presentedOrganizationScope = ({ id, name, description }: OrganizationScopeRecord) => ({
  tenantId,
  id,
  name,
  description,
});

export const presentedResource = (row: ResourceRecord) => ({
  tenantId,
  id: row.id,
  name: row.name,
  indicator: row.indicator,
  isDefault: row.isDefault,
  accessTokenTtl: row.accessTokenTtl,
});

export const presentedScope = (row: ScopeRecord) => ({
  tenantId,
  id: row.id,
  resourceId: row.resourceId,
  name: row.name,
  description: row.description,
  createdAt: row.createdAt,
});

/** The secret that old versions show opens nothing; the real ones have an endpoint of their own. */
export const presentedApplication = (row: ApplicationRecord, version: LogtoVersion) => ({
  tenantId,
  id: row.id,
  name: row.name,
  ...(version === '1.41' ? { secret: `#internal:${row.id.padEnd(32, 'x').slice(0, 32)}` } : {}),
  description: row.description,
  type: row.type,
  oidcClientMetadata: {
    redirectUris: row.redirectUris,
    postLogoutRedirectUris: row.postLogoutRedirectUris,
    ...(row.backchannelLogoutUri === null
      ? {}
      : {
          backchannelLogoutUri: row.backchannelLogoutUri,
          backchannelLogoutSessionRequired: row.backchannelLogoutSessionRequired,
        }),
  },
  customClientMetadata: row.customClientMetadata,
  protectedAppMetadata: null,
  customData: row.customData,
  isThirdParty: false,
  appLevelAccessControlEnabled: false,
  createdAt: row.createdAt,
});

export const presentedHook = (row: HookRecord) => ({
  tenantId,
  id: row.id,
  name: row.name,
  event: null,
  events: row.events,
  config: row.config,
  signingKey: row.signingKey,
  enabled: row.enabled,
  createdAt: row.createdAt,
});

/** Roles of a member (a user or an application) in one organization, as lists of members carry them. */
export function memberRoles(
  { organizationRoles }: Directory,
  member: Pick<UserRecord | ApplicationRecord, 'organizations'>,
  organizationId: string,
): { id: string; name: string }[] {
  return (member.organizations[organizationId] ?? []).flatMap((id) => {
    const role = organizationRoles.get(id);
    return role ? [{ id: role.id, name: role.name }] : [];
  });
}
