import type { Permit } from 'permitio';
import type { Assignment, Directory, DirectoryUser } from '../sync/ports.ts';
import { createDirectoryApi, type DirectoryApiOptions } from './directory-api.ts';
import { isVendorsStatus } from './directory-failure.ts';
import { inChunksOf, PER_PAGE, pages } from './directory-pages.ts';
import { assignmentOf, directoryUserOf, toAssignment, toUser } from './directory-shapes.ts';

const USERS_A_CALL = 3000;
const ASSIGNMENTS_A_CALL = 2000;

/**
 * The directory of people, tenants and role assignments at Permit.io, through its own SDK.
 *
 * Every write is idempotent: what is already there (409) and what is already gone (404) are successes. Every
 * call has a deadline, follows no redirect and uses no proxy.
 *
 * @throws DirectoryError from every method; its `kind` tells whether to try again, to stop or to give up.
 * @see https://docs.permit.io/api/rest/overview
 * @example
 * const directory = createDirectory({ apiKey, apiUrl: 'https://api.permit.io', clock: systemClock });
 * await directory.syncUser({ key: 'u1', email: 'a@example.com' });
 * await directory.assign({ user: 'u1', role: 'viewer', tenant: 'default' });
 */
export function createDirectory(options: DirectoryApiOptions): Directory {
  const { call } = createDirectoryApi(options);

  async function unless<T>(status: number, work: Promise<T>): Promise<T | undefined> {
    try {
      return await work;
    } catch (error) {
      if (isVendorsStatus(error, status)) return undefined;
      throw error;
    }
  }

  const assignments = (filter: { user?: string; tenant?: string; role?: string }) =>
    pages((page, perPage) =>
      call('read', async ({ api }: Permit) =>
        (await api.roleAssignments.list({ ...filter, page, perPage })).map(assignmentOf),
      ),
    );

  /**
   * The API has no filter for it but a role at a time (its PDP passes on the last of several): worth it as soon as
   * there is more than one page, for every object has an owner.
   */
  async function* tenantRoleAssignments(filter: { tenant?: string }): AsyncGenerator<Assignment[]> {
    for await (const page of assignments(filter)) {
      if (page.length === PER_PAGE) break;
      yield page.filter(isTenantRole);
      return;
    }
    const roles = pages((page, perPage) =>
      call('read', async ({ api }: Permit) =>
        (await api.roles.list({ page, perPage })).map(({ key }) => key),
      ),
    );
    for await (const keys of roles) {
      for (const role of keys) {
        for await (const page of assignments({ ...filter, role })) yield page.filter(isTenantRole);
      }
    }
  }

  async function createTenant(tenant: { key: string; name: string }, onlyNew: boolean): Promise<void> {
    const created = await unless(
      409,
      call('write', (permit) => permit.api.tenants.create(tenant)),
    );
    if (!created && !onlyNew)
      await call('write', (permit) => permit.api.tenants.update(tenant.key, { name: tenant.name }));
  }

  const directory: Directory = {
    async syncUser(user) {
      return call('write', async ({ api }) => {
        const { created } = await api.users.sync(toUser(user));
        return { created };
      });
    },
    async getUser(key) {
      return unless(
        404,
        call('read', async ({ api }) => directoryUserOf(await api.users.get(key))),
      );
    },
    async deleteUser(key) {
      await unless(
        404,
        call('delete', (permit) => permit.api.users.delete(key)),
      );
    },
    async upsertTenant(tenant, { onlyNew = false } = {}) {
      const present = await unless(
        404,
        call('read', (permit) => permit.api.tenants.get(tenant.key)),
      );
      if (!present) return createTenant(tenant, onlyNew);
      // Only the name is ours; a description or attributes that a person set stay.
      if (onlyNew || present.name === tenant.name) return;
      await call('write', (permit) => permit.api.tenants.update(tenant.key, { name: tenant.name }));
    },
    async deleteTenant(key) {
      await unless(
        404,
        call('delete', (permit) => permit.api.tenants.delete(key)),
      );
    },
    async hasTenant(key) {
      const present = await unless(
        404,
        call('read', (permit) => permit.api.tenants.get(key)),
      );
      return present !== undefined;
    },
    async assign(assignment, how = {}) {
      await unless(
        409,
        call('write', (permit) =>
          permit.api.roleAssignments.assign(toAssignment(assignment, how.onlyExisting)),
        ),
      );
    },
    async unassign(assignment) {
      await unless(
        404,
        call('write', (permit) => permit.api.roleAssignments.unassign(toAssignment(assignment))),
      );
    },
    async assignmentsOf(user, tenant) {
      const found: Assignment[] = [];
      for await (const page of assignments({ user, ...(tenant ? { tenant } : {}) })) found.push(...page);
      return found;
    },
    listUsers: () =>
      pages(
        (page, perPage): Promise<DirectoryUser[]> =>
          call('read', async ({ api }) =>
            (await api.users.list({ page, perPage })).data.map(directoryUserOf),
          ),
      ),
    listTenants: () =>
      pages((page, perPage) =>
        call('read', async ({ api }) => {
          const found = await api.tenants.list({ page, perPage });
          return found.map(({ key, name }) => ({ key, name }));
        }),
      ),
    listAssignments: ({ tenantRolesOnly = false, ...filter } = {}) =>
      tenantRolesOnly ? tenantRoleAssignments(filter) : assignments(filter),
    async createInstance({ type, key, tenant, attributes }) {
      const body = { key, tenant, resource: type, ...(attributes ? { attributes } : {}) };
      await unless(
        409,
        call('write', (permit) => permit.api.resourceInstances.create(body)),
      );
    },
    async deleteInstance({ type, key }) {
      await unless(
        404,
        call('delete', (permit) => permit.api.resourceInstances.delete(`${type}:${key}`)),
      );
    },
    async syncUsers(users) {
      for (const part of inChunksOf(USERS_A_CALL, users)) {
        await call('bulk', (permit) => permit.api.users.bulkUserReplace(part.map(toUser)));
      }
    },
    async assignMany(many) {
      for (const part of inChunksOf(ASSIGNMENTS_A_CALL, many)) {
        await call('bulk', (permit) =>
          permit.api.roleAssignments.bulkAssign(part.map((a) => toAssignment(a))),
        );
      }
    },
    async unassignMany(many) {
      for (const part of inChunksOf(ASSIGNMENTS_A_CALL, many)) {
        const done = await unless(
          404,
          call('bulk', (permit) => permit.api.roleAssignments.bulkUnassign(part.map((a) => toAssignment(a)))),
        );
        // Something that one of them names is gone, and the whole is refused: each by itself, then.
        if (!done) for (const assignment of part) await directory.unassign(assignment);
      }
    },
  };
  return directory;
}

const isTenantRole = ({ resourceInstance }: Assignment) => resourceInstance === undefined;
