/** What the store holds. Times are milliseconds since 1970, as in Logto's own answers. */
export type UserRecord = {
  id: string;
  username: string | null;
  primaryEmail: string | null;
  primaryPhone: string | null;
  name: string | null;
  avatar: string | null;
  customData: Record<string, unknown>;
  identities: Record<string, unknown>;
  lastSignInAt: number | null;
  createdAt: number;
  updatedAt: number;
  profile: Record<string, unknown>;
  applicationId: string | null;
  isSuspended: boolean;
  /** Salted hash; `null` when none was set. */
  password: string | null;
  roleIds: string[];
  /** Organization id → organization role ids. */
  organizations: Record<string, string[]>;
};

export type ApplicationType = 'Traditional' | 'SPA' | 'Native' | 'MachineToMachine';

export type ApplicationRecord = {
  id: string;
  name: string;
  description: string | null;
  type: ApplicationType;
  secret: string | null;
  redirectUris: string[];
  postLogoutRedirectUris: string[];
  backchannelLogoutUri: string | null;
  backchannelLogoutSessionRequired: boolean;
  customClientMetadata: Record<string, unknown>;
  customData: Record<string, unknown>;
  createdAt: number;
  roleIds: string[];
  organizations: Record<string, string[]>;
};

export type RoleRecord = {
  id: string;
  name: string;
  description: string;
  type: 'User' | 'MachineToMachine';
  isDefault: boolean;
  scopeIds: string[];
};

export type OrganizationRecord = {
  id: string;
  name: string;
  description: string | null;
  customData: Record<string, unknown>;
  isMfaRequired: boolean;
  color: Record<string, unknown>;
  branding: Record<string, unknown>;
  customCss: string | null;
  createdAt: number;
  /** Just-in-time provisioning: who registers with such an address becomes a member with these roles. */
  jitEmailDomains: string[];
  jitRoleIds: string[];
};

export type OrganizationRoleRecord = {
  id: string;
  name: string;
  description: string | null;
  type: 'User' | 'MachineToMachine';
  /** Organization scopes. */
  scopeIds: string[];
  /** Scopes of API resources. */
  resourceScopeIds: string[];
};

export type OrganizationScopeRecord = { id: string; name: string; description: string | null };

export type ResourceRecord = {
  id: string;
  name: string;
  indicator: string;
  isDefault: boolean;
  accessTokenTtl: number;
};

export type ScopeRecord = {
  id: string;
  resourceId: string;
  name: string;
  description: string | null;
  createdAt: number;
};

export type HookRecord = {
  id: string;
  name: string;
  events: string[];
  config: { url: string; headers?: Record<string, string>; retries?: number };
  signingKey: string;
  enabled: boolean;
  createdAt: number;
};
