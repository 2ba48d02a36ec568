import { type Ledger, profileText, roleId } from './ledger.ts';
import type { Directory, IdentitySource } from './ports.ts';
import { profileOf } from './present-user.ts';
import type { RoleMaps } from './role-names.ts';

export type Progress = (step: { phase: string; done: number; total?: number }) => void | Promise<void>;

type Options = { ledger: Ledger; progress: Progress };

/** Reads the directory: who is there, and who holds which tenant role. */
export async function readDirectory(
  directory: Directory,
  { ledger, progress }: Options,
): Promise<Map<string, string>> {
  const tenants = new Map<string, string>();
  for await (const page of directory.listTenants()) for (const { key, name } of page) tenants.set(key, name);
  let users = 0;
  for await (const page of directory.listUsers()) {
    for (const user of page) ledger.entry(user.key).there = profileText(user);
    users += page.length;
    await progress({ phase: 'directory users', done: users });
  }
  let assignments = 0;
  for await (const page of directory.listAssignments()) {
    for (const { user, role, tenant, resourceInstance } of page) {
      const entry = ledger.entry(user);
      if (resourceInstance) entry.holdsInstances = true;
      else entry.held = ledger.plus(entry.held, roleId(tenant, role));
    }
    assignments += page.length;
    await progress({ phase: 'directory roles', done: assignments });
  }
  return tenants;
}

/**
 * Reads Logto: users, roles by role, organizations with their members, machines with their roles. Pages shift
 * while people register, so that a user may come twice; a second pass is made when the total has moved.
 */
export async function readLogto(
  source: IdentitySource,
  maps: RoleMaps,
  defaultTenant: string,
  { ledger, progress }: Options,
): Promise<Map<string, string>> {
  await readUsers(source, { ledger, progress });
  await readGlobalRoles(source, maps, defaultTenant, { ledger, progress });
  return readOrganizations(source, maps, { ledger, progress });
}

async function readUsers(source: IdentitySource, { ledger, progress }: Options): Promise<void> {
  for (let pass = 1; pass <= 2; pass += 1) {
    let seen = 0;
    let first: number | undefined;
    let last: number | undefined;
    for await (const { items, total } of source.users()) {
      first ??= total;
      last = total;
      for (const user of items) {
        const entry = ledger.entry(user.id);
        const text = profileText(profileOf(user));
        // One string instead of two equal ones: most users are in step.
        entry.wanted = text === entry.there ? entry.there : text;
        entry.suspended = user.isSuspended;
      }
      seen += items.length;
      await progress({ phase: 'users', done: seen, total });
    }
    if (first === last && seen === (last ?? 0)) return;
  }
}

async function readGlobalRoles(
  source: IdentitySource,
  maps: RoleMaps,
  defaultTenant: string,
  { ledger, progress }: Options,
): Promise<void> {
  let done = 0;
  for (const role of await source.roles()) {
    const key = maps.global.keyOf(role.name);
    if (key === undefined) continue;
    const id = roleId(defaultTenant, key);
    const machines = role.type === 'MachineToMachine';
    const holders = machines ? source.applicationsOfRole(role.id) : source.usersOfRole(role.id);
    for await (const page of holders) {
      for (const { id: holder } of page) {
        const entry = ledger.entry(machines ? `m2m|${holder}` : holder);
        if (machines) entry.wanted ??= profileText({});
        entry.roles = ledger.plus(entry.roles, id);
      }
      done += page.length;
      await progress({ phase: 'roles', done });
    }
  }
}

async function readOrganizations(
  source: IdentitySource,
  maps: RoleMaps,
  { ledger, progress }: Options,
): Promise<Map<string, string>> {
  const organizations = new Map<string, string>();
  for await (const page of source.organizations())
    for (const { id, name } of page) organizations.set(id, name);
  let done = 0;
  const join = (key: string, tenant: string, roles: readonly { name: string }[]) => {
    const entry = ledger.entry(key);
    entry.member = ledger.plus(entry.member, tenant);
    for (const { name } of roles) {
      const role = maps.organization.keyOf(name);
      if (role !== undefined) entry.roles = ledger.plus(entry.roles, roleId(tenant, role));
    }
    return entry;
  };
  for (const organization of organizations.keys()) {
    for await (const page of source.membersOf(organization)) {
      for (const member of page) join(member.id, organization, member.organizationRoles);
    }
    for await (const page of source.applicationsOf(organization)) {
      for (const machine of page) {
        join(`m2m|${machine.id}`, organization, machine.organizationRoles).wanted ??= profileText({});
      }
    }
    done += 1;
    await progress({ phase: 'organizations', done, total: organizations.size });
  }
  return organizations;
}
