/** What sync needs of Permit.io; `src/permit` implements it, tests swap the server at the other end. */
export type DirectoryUser = {
  key: string;
  email?: string;
  firstName?: string;
  lastName?: string;
  attributes?: Record<string, unknown>;
};

export type Assignment = {
  user: string;
  role: string;
  tenant: string /** `type:key` for an instance role. */;
  resourceInstance?: string;
};

/**
 * Every method is idempotent (409 on create or assign and 404 on remove are successes) and rejects with
 * `DirectoryError`: what kind it is decides whether the worker retries, pauses or buries.
 */
export interface Directory {
  syncUser(user: DirectoryUser): Promise<{ created: boolean }>;
  getUser(key: string): Promise<DirectoryUser | undefined>;
  deleteUser(key: string): Promise<void>;
  /** `onlyNew`: one that is there keeps its name. */
  upsertTenant(tenant: { key: string; name: string }, how?: { onlyNew?: boolean }): Promise<void>;
  deleteTenant(key: string): Promise<void>;
  hasTenant(key: string): Promise<boolean>;
  /** `onlyExisting`: an instance role on an instance that is gone is refused instead of creating the instance. */
  assign(assignment: Assignment, how?: { onlyExisting?: boolean }): Promise<void>;
  unassign(assignment: Assignment): Promise<void>;
  /** Every assignment of the user, tenant and instance roles, all pages; optionally of one tenant. */
  assignmentsOf(user: string, tenant?: string): Promise<Assignment[]>;
  listUsers(): AsyncIterable<DirectoryUser[]>;
  listTenants(): AsyncIterable<{ key: string; name: string }[]>;
  /** `tenantRolesOnly`: without roles on single objects, of which there may be many more. */
  listAssignments(filter?: { tenant?: string; tenantRolesOnly?: boolean }): AsyncIterable<Assignment[]>;
  createInstance(instance: {
    type: string;
    key: string;
    tenant: string;
    attributes?: Record<string, unknown>;
  }): Promise<void>;
  deleteInstance(instance: { type: string; key: string }): Promise<void>;
  /** Bulk forms; `syncUsers` at most 3,000, `assignMany`/`unassignMany` at most 2,000 a call (the implementation cuts). */
  syncUsers(users: DirectoryUser[]): Promise<void>;
  assignMany(assignments: Assignment[]): Promise<void>;
  unassignMany(assignments: Assignment[]): Promise<void>;
}

/** `refused-key`: 401/403, ours to mend. `refused-input`: 4xx, this item will never go through. `unavailable`: try again. */
export type DirectoryFailure = 'refused-key' | 'refused-input' | 'rate-limited' | 'unavailable';

/** What sync reads of Logto's Management API; `src/logto` implements it. */
export type LogtoUser = {
  id: string;
  username: string | null;
  primaryEmail: string | null;
  name: string | null;
  profile?: { givenName?: string; familyName?: string } | null;
  isSuspended: boolean;
  /** Milliseconds since 1970. */
  updatedAt?: number;
};
export type LogtoOrganization = { id: string; name: string };
export type LogtoMember = LogtoUser & { organizationRoles: { id: string; name: string }[] };
export type LogtoRole = { id: string; name: string; type: 'User' | 'MachineToMachine' };

export interface IdentitySource {
  /** `undefined` on 404. */
  user(id: string): Promise<LogtoUser | undefined>;
  rolesOfUser(id: string): Promise<LogtoRole[]>;
  organizationsOfUser(
    id: string,
  ): Promise<(LogtoOrganization & { organizationRoles: { id: string; name: string }[] })[]>;
  organization(id: string): Promise<LogtoOrganization | undefined>;
  users(): AsyncIterable<{ items: LogtoUser[]; total: number }>;
  roles(): Promise<LogtoRole[]>;
  organizationRoles(): Promise<LogtoRole[]>;
  usersOfRole(roleId: string): AsyncIterable<{ id: string }[]>;
  organizations(): AsyncIterable<LogtoOrganization[]>;
  membersOf(organizationId: string): AsyncIterable<LogtoMember[]>;
  applicationsOfRole(roleId: string): AsyncIterable<{ id: string; name: string }[]>;
  applicationsOf(
    organizationId: string,
  ): AsyncIterable<{ id: string; name: string; organizationRoles: { id: string; name: string }[] }[]>;
  hooks(): Promise<{ id: string }[]>;
  /** Failed deliveries that Logto still lists (24 h). */
  failedDeliveries(
    hookId: string,
    sinceMs: number,
  ): Promise<{ id: string; createdAt: number; body: string }[]>;
}
