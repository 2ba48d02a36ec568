import type { Seed } from '../seed.ts';
import { assignRole } from './model/assignments.ts';
import type { Environment } from './model/environment.ts';
import { createTenants } from './model/tenants.ts';
import { createUser } from './model/users.ts';

/**
 * The demo people as Permit would know them after a full sync: keys are Logto's ids, tenants the default one
 * and the organizations. Suspended people have no roles; machine applications are `m2m|<client id>`.
 */
export function seedWorld(env: Environment, seed: Seed): void {
  env.batch(() => {
    const missing = seed.organizations.filter(({ id }) => !env.tenants.has(id));
    createTenants(
      env,
      missing.map(({ id, name }) => ({ key: id, name })),
    );
    const assign = (user: string, role: string | undefined, tenant: string): void => {
      if (role !== undefined && env.roles.has(role)) assignRole(env, { user, role, tenant });
    };

    const keyOf = new Map<string, string>();
    for (const { id, username, primaryEmail, name, isSuspended, role } of seed.users) {
      const [first_name = null, ...rest] = name.split(' ');
      createUser(env, { key: id, email: primaryEmail, first_name, last_name: rest.join(' ') || null });
      if (isSuspended) continue;
      keyOf.set(username, id);
      assign(id, role, seed.defaultTenant);
    }
    for (const { id, type, role } of seed.applications) {
      if (type !== 'MachineToMachine' || role === undefined) continue;
      const key = `m2m|${id}`;
      createUser(env, { key });
      keyOf.set(id, key);
      assign(key, role, seed.defaultTenant);
    }
    for (const { id, members } of seed.organizations) {
      for (const [member, roles] of Object.entries(members)) {
        const user = keyOf.get(member);
        if (user !== undefined) for (const role of roles) assign(user, role, id);
      }
    }
  });
}
