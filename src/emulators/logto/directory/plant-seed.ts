import type { Seed, SeedApplication } from '../../seed.ts';
import { stableId } from './ids.ts';
import { hashPassword } from './passwords.ts';
import { plantResources, scopeIdsFor } from './plant-resources.ts';
import type { OrganizationRoleRecord } from './records.ts';
import type { Directory } from './tables.ts';

const MANAGEMENT_ROLE = 'Logto Management API access';
const ORGANIZATION_SCOPES = ['read:members', 'manage:members'];

/** Writes the seed into an empty directory. Ids are stable, so that a reset brings the same people back. */
export function plantSeed(directory: Directory, seed: Seed, now: number): void {
  plantResources(directory, seed, now);
  plantRoles(directory, seed);
  plantOrganizations(directory, seed, now);
  plantApplications(directory, seed, now);
  plantUsers(directory, seed, now);
}

function plantRoles(directory: Directory, seed: Seed): void {
  const apiScopes = directory.scopes.all().filter((scope) => scope.id !== 'management-api-all');
  for (const name of seed.roles.length > 0 ? ORGANIZATION_SCOPES : [])
    directory.organizationScopes.put({ id: stableId(`orgscope ${name}`, 21), name, description: null });

  for (const name of seed.roles) {
    const resourceScopeIds = scopeIdsFor(name, apiScopes);
    directory.roles.put({
      id: stableId(`role ${name}`, 21),
      name,
      description: name,
      type: 'User',
      isDefault: false,
      scopeIds: resourceScopeIds,
    });
    directory.organizationRoles.put(organizationRole(directory, name, 'User', resourceScopeIds));
    if (hasMachineMember(seed, name))
      directory.organizationRoles.put(
        organizationRole(directory, name, 'MachineToMachine', resourceScopeIds),
      );
  }
  directory.roles.put({
    id: 'management-api-access',
    name: MANAGEMENT_ROLE,
    description: 'This default role grants access to the Logto management API.',
    type: 'MachineToMachine',
    isDefault: false,
    scopeIds: ['management-api-all'],
  });
}

function organizationRole(
  { organizationScopes }: Directory,
  name: string,
  type: OrganizationRoleRecord['type'],
  resourceScopeIds: string[],
): OrganizationRoleRecord {
  const machine = type === 'MachineToMachine';
  const scopes = organizationScopes
    .all()
    .filter((scope) => name === 'admin' || scope.name.startsWith('read:'));
  return {
    id: stableId(`orgrole ${name}${machine ? ' machine' : ''}`, 21),
    name,
    description: null,
    type,
    scopeIds: scopes.map((scope) => scope.id),
    resourceScopeIds,
  };
}

function hasMachineMember({ organizations, applications }: Seed, role: string): boolean {
  return organizations.some(({ members }) => applications.some(({ id }) => members[id]?.includes(role)));
}

function plantOrganizations({ organizations }: Directory, seed: Seed, now: number): void {
  for (const { id, name, description } of seed.organizations)
    organizations.put({
      id,
      name,
      description: description ?? null,
      customData: {},
      isMfaRequired: false,
      color: {},
      branding: {},
      customCss: null,
      createdAt: now,
      jitEmailDomains: [],
      jitRoleIds: [],
    });
}

/** Also run at each start on kept state: addresses and secrets of seeded applications follow the configuration. */
export function plantApplications(directory: Directory, seed: Seed, now: number): void {
  for (const application of seed.applications) {
    const kept = directory.applications.get(application.id);
    directory.applications.put({
      id: application.id,
      name: application.name,
      description: kept?.description ?? null,
      type: application.type,
      secret: application.secret ?? null,
      redirectUris: [...(application.redirectUris ?? [])],
      postLogoutRedirectUris: [...(application.postLogoutRedirectUris ?? [])],
      backchannelLogoutUri: application.backchannelLogoutUri ?? null,
      backchannelLogoutSessionRequired: application.backchannelLogoutUri !== undefined,
      customClientMetadata: kept?.customClientMetadata ?? {},
      customData: kept?.customData ?? {},
      createdAt: kept?.createdAt ?? now,
      roleIds: kept?.roleIds ?? machineRoles(directory, application),
      organizations: kept?.organizations ?? organizationsOf(directory, seed, application.id, true),
    });
  }
}

function machineRoles({ roles }: Directory, application: SeedApplication): string[] {
  const ids = application.managementApi ? ['management-api-access'] : [];
  // Logto itself would refuse a second role of that name; here the machine's role has to mean the same.
  if (application.role) {
    const twin = roles.find((role) => role.name === application.role);
    const name = application.role;
    const id = stableId(`role ${name} machine`, 21);
    roles.put({
      id,
      name,
      description: name,
      type: 'MachineToMachine',
      isDefault: false,
      scopeIds: twin?.scopeIds ?? [],
    });
    ids.push(id);
  }
  return ids;
}

function plantUsers(directory: Directory, seed: Seed, now: number): void {
  const hash = memoized(hashPassword);
  seed.users.forEach((user, index) => {
    const createdAt = now - (seed.users.length - index) * 1000;
    const [givenName, ...rest] = user.name.split(' ');
    directory.users.put({
      id: user.id,
      username: user.username,
      primaryEmail: user.primaryEmail,
      primaryPhone: null,
      name: user.name,
      avatar: null,
      customData: {},
      identities: {},
      lastSignInAt: null,
      createdAt,
      updatedAt: createdAt,
      profile: { givenName, ...(rest.length > 0 ? { familyName: rest.join(' ') } : {}) },
      applicationId: null,
      isSuspended: user.isSuspended ?? false,
      password: hash(user.password),
      roleIds: directory.roles
        .all()
        .filter((role) => role.name === user.role && role.type === 'User')
        .map((role) => role.id),
      organizations: organizationsOf(directory, seed, user.username, false),
    });
  });
}

function organizationsOf(
  { organizationRoles }: Directory,
  seed: Seed,
  member: string,
  machine: boolean,
): Record<string, string[]> {
  const memberships: Record<string, string[]> = {};
  for (const organization of seed.organizations) {
    const names = organization.members[member];
    if (!names) continue;
    memberships[organization.id] = organizationRoles
      .all()
      .filter((role) => names.includes(role.name) && (role.type === 'MachineToMachine') === machine)
      .map((role) => role.id);
  }
  return memberships;
}

function memoized(compute: (text: string) => string): (text: string) => string {
  const known = new Map<string, string>();
  return (text) => {
    const value = known.get(text) ?? compute(text);
    known.set(text, value);
    return value;
  };
}
