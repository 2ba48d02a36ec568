import { Router } from 'express';
import { z } from 'zod';
import { newId } from '../directory/ids.ts';
import type { RoleRecord } from '../directory/records.ts';
import type { Issuer } from '../issuer.ts';
import { announce } from './announce.ts';
import { ManagementError, notExistsWithId } from './management-error.ts';
import { sendPageOf } from './paging.ts';
import { presentedResource, presentedRole, presentedScope } from './presented.ts';
import { bodyOf } from './request-body.ts';

const FEATURED = 3;

/** @throws ManagementError 404 `entity.not_exists_with_id`. */
export function requireRole({ directory }: Issuer, id: string): RoleRecord {
  const role = directory.roles.get(id);
  if (!role) throw notExistsWithId('roles', id);
  return role;
}

/** `/roles`: the global ones, and their scopes. */
export function createRoleRoutes(issuer: Issuer): Router {
  const { directory } = issuer;
  const router = Router();

  function presentedScopes(ids: readonly string[]) {
    const scopes = ids.flatMap((id) => directory.scopes.get(id) ?? []);
    return scopes.sort((a, b) => b.createdAt - a.createdAt).map(presentedScope);
  }

  function withStatistics(role: RoleRecord) {
    const users = directory.users.all().filter((user) => user.roleIds.includes(role.id));
    const applications = directory.applications.all().filter((row) => row.roleIds.includes(role.id));
    return {
      ...presentedRole(role),
      usersCount: users.length,
      featuredUsers: users.slice(0, FEATURED).map(({ id, avatar, name }) => ({ id, avatar, name })),
      applicationsCount: applications.length,
      featuredApplications: applications.slice(0, FEATURED).map(({ id, name, type }) => ({ id, name, type })),
    };
  }

  function requireFreeName(name: string | undefined, self?: string): void {
    if (name !== undefined && directory.roles.find((role) => role.name === name && role.id !== self))
      throw new ManagementError(422, 'role.name_in_use', `This role name ${name} is already in use`);
  }

  function requireScopes(ids: string[]): string[] {
    for (const id of ids) if (!directory.scopes.get(id)) throw notExistsWithId('scopes', id);
    return ids;
  }

  router.get('/roles', (req, res) => {
    const { type } = req.query;
    const search = String(req.query['search.name'] ?? req.query.search ?? '')
      .replaceAll('%', '')
      .toLowerCase();
    const found = directory.roles
      .all()
      .filter(
        (role) => (type === undefined || role.type === type) && role.name.toLowerCase().includes(search),
      )
      .sort((a, b) => a.name.localeCompare(b.name, 'en'));
    sendPageOf(issuer, req, res, found, withStatistics);
  });

  router.post('/roles', (req, res) => {
    const input = bodyOf(
      req,
      z.object({
        name: z.string().min(1),
        description: z.string().min(1),
        type: z.enum(['User', 'MachineToMachine']).default('User'),
        isDefault: z.boolean().default(false),
        scopeIds: z.array(z.string()).default([]),
      }),
    );
    requireFreeName(input.name);
    const role = directory.roles.put({ id: newId(21), ...input, scopeIds: requireScopes(input.scopeIds) });
    // In this order: the scopes of a role arrive before the role.
    if (role.scopeIds.length > 0)
      announce(issuer, req, res, 'Role.Scopes.Updated', {
        roleId: role.id,
        data: presentedScopes(role.scopeIds),
      });
    announce(issuer, req, res, 'Role.Created', { data: presentedRole(role) });
    res.json(presentedRole(role));
  });

  router.get('/roles/:id', (req, res) => void res.json(presentedRole(requireRole(issuer, req.params.id))));
  router.patch('/roles/:id', (req, res) => {
    const role = requireRole(issuer, req.params.id);
    const changes = bodyOf(
      req,
      z.object({
        name: z.string().min(1).optional(),
        description: z.string().min(1).optional(),
        isDefault: z.boolean().optional(),
      }),
    );
    requireFreeName(changes.name, role.id);
    const changed = presentedRole(directory.roles.put({ ...role, ...(changes as Partial<RoleRecord>) }));
    announce(issuer, req, res, 'Role.Data.Updated', { data: changed });
    res.json(changed);
  });
  router.delete('/roles/:id', (req, res) => {
    const { id } = requireRole(issuer, req.params.id);
    directory.roles.delete(id);
    for (const table of [directory.users, directory.applications] as const)
      for (const row of table.all())
        if (row.roleIds.includes(id))
          table.patch(row.id, { roleIds: row.roleIds.filter((roleId) => roleId !== id) });
    announce(issuer, req, res, 'Role.Deleted');
    res.status(204).end();
  });

  router.get('/roles/:id/scopes', (req, res) => {
    const scopes = presentedScopes(requireRole(issuer, req.params.id).scopeIds);
    res.json(
      scopes.map((scope) => {
        const resource = directory.resources.get(scope.resourceId);
        return { ...scope, ...(resource ? { resource: presentedResource(resource) } : {}) };
      }),
    );
  });
  router.post('/roles/:id/scopes', (req, res) => {
    const role = requireRole(issuer, req.params.id);
    const { scopeIds } = bodyOf(req, z.object({ scopeIds: z.array(z.string()).min(1) }));
    const changed = directory.roles.put({
      ...role,
      scopeIds: [...new Set([...role.scopeIds, ...requireScopes(scopeIds)])],
    });
    const data = presentedScopes(changed.scopeIds);
    announce(issuer, req, res, 'Role.Scopes.Updated', { data });
    res.status(201).json(data);
  });
  router.delete('/roles/:id/scopes/:scopeId', (req, res) => {
    const role = requireRole(issuer, req.params.id);
    directory.roles.put({ ...role, scopeIds: role.scopeIds.filter((id) => id !== req.params.scopeId) });
    announce(issuer, req, res, 'Role.Scopes.Updated');
    res.status(204).end();
  });
  return router;
}
