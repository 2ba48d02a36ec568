import { Router } from 'express';
import { z } from 'zod';
import { newId } from '../directory/ids.ts';
import type { OrganizationRoleRecord, OrganizationScopeRecord } from '../directory/records.ts';
import type { Issuer } from '../issuer.ts';
import { announce } from './announce.ts';
import { ManagementError, notExistsWithId } from './management-error.ts';
import { asksForPage, sendPageOf } from './paging.ts';
import { presentedOrganizationRole, presentedOrganizationScope } from './presented.ts';
import { bodyOf } from './request-body.ts';

const byName = (a: { name: string }, b: { name: string }) => (a.name < b.name ? -1 : 1);
const scopeInput = z.object({ name: z.string().min(1), description: z.string().nullish() });

/** `/organization-roles` and `/organization-scopes`: the template that all organizations share. */
export function createOrganizationTemplateRoutes(issuer: Issuer): Router {
  const { directory } = issuer;
  const router = Router();

  function requireRole(id: string): OrganizationRoleRecord {
    const role = directory.organizationRoles.get(id);
    if (!role) throw notExistsWithId('organization-roles', id);
    return role;
  }

  function requireScope(id: string): OrganizationScopeRecord {
    const scope = directory.organizationScopes.get(id);
    if (!scope) throw notExistsWithId('organization-scopes', id);
    return scope;
  }

  function requireFree(
    table: { find(matches: (row: { id: string; name: string }) => boolean): unknown },
    name: string | undefined,
    self?: string,
  ) {
    if (name !== undefined && table.find((row) => row.name === name && row.id !== self))
      throw new ManagementError(
        422,
        'entity.duplicate_value_of_unique_field',
        'The value of `name` is duplicated.',
      );
  }

  function withScopes(role: OrganizationRoleRecord) {
    const scopes = role.scopeIds.flatMap((id) => directory.organizationScopes.get(id) ?? []);
    const resourceScopes = role.resourceScopeIds.flatMap((id) => directory.scopes.get(id) ?? []);
    return {
      ...presentedOrganizationRole(role),
      scopes: scopes.sort(byName).map(({ id, name }) => ({ id, name })),
      resourceScopes: resourceScopes.map(({ id, name, resourceId }) => ({
        id,
        name,
        resource: { id: resourceId, name: directory.resources.get(resourceId)?.name },
      })),
    };
  }

  router.get('/organization-roles', (req, res) => {
    const text = String(req.query.q ?? '').toLowerCase();
    const found = directory.organizationRoles.all().filter(({ name }) => name.toLowerCase().includes(text));
    sendPageOf(issuer, req, res, found, withScopes);
  });
  router.post('/organization-roles', (req, res) => {
    const input = bodyOf(
      req,
      z.object({
        name: z.string().min(1).max(128),
        description: z.string().nullish(),
        type: z.enum(['User', 'MachineToMachine']).default('User'),
        organizationScopeIds: z.array(z.string()).default([]),
        resourceScopeIds: z.array(z.string()).default([]),
      }),
    );
    requireFree(directory.organizationRoles, input.name);
    for (const id of input.organizationScopeIds) requireScope(id);
    const role = directory.organizationRoles.put({
      id: newId(21),
      name: input.name,
      description: input.description ?? null,
      type: input.type,
      scopeIds: input.organizationScopeIds,
      resourceScopeIds: input.resourceScopeIds,
    });
    // The scopes come before the role, and without naming them.
    if (role.scopeIds.length + role.resourceScopeIds.length > 0)
      announce(issuer, req, res, 'OrganizationRole.Scopes.Updated', { organizationRoleId: role.id });
    announce(issuer, req, res, 'OrganizationRole.Created', { data: presentedOrganizationRole(role) });
    res.status(201).json(presentedOrganizationRole(role));
  });
  router.get('/organization-roles/:id', (req, res) => {
    res.json(presentedOrganizationRole(requireRole(req.params.id)));
  });
  router.patch('/organization-roles/:id', (req, res) => {
    const role = requireRole(req.params.id);
    const changes = bodyOf(req, scopeInput.partial()) as Partial<OrganizationRoleRecord>;
    requireFree(directory.organizationRoles, changes.name, role.id);
    const changed = presentedOrganizationRole(directory.organizationRoles.put({ ...role, ...changes }));
    announce(issuer, req, res, 'OrganizationRole.Data.Updated', { data: changed });
    res.json(changed);
  });
  router.delete('/organization-roles/:id', (req, res) => {
    const { id } = requireRole(req.params.id);
    directory.organizationRoles.delete(id);
    for (const table of [directory.users, directory.applications] as const)
      for (const row of table.all()) {
        const organizations = Object.fromEntries(
          Object.entries(row.organizations).map(([key, ids]) => [key, ids.filter((held) => held !== id)]),
        );
        table.patch(row.id, { organizations });
      }
    announce(issuer, req, res, 'OrganizationRole.Deleted');
    res.status(204).end();
  });

  router.get('/organization-scopes', (req, res) => {
    const scopes = directory.organizationScopes.all().sort(byName);
    // Whole, unless a page is asked for.
    if (asksForPage(req)) sendPageOf(issuer, req, res, scopes, presentedOrganizationScope);
    else res.json(scopes.map(presentedOrganizationScope));
  });
  router.post('/organization-scopes', (req, res) => {
    const input = bodyOf(req, scopeInput);
    requireFree(directory.organizationScopes, input.name);
    const scope = directory.organizationScopes.put({
      id: newId(21),
      name: input.name,
      description: input.description ?? null,
    });
    announce(issuer, req, res, 'OrganizationScope.Created', { data: presentedOrganizationScope(scope) });
    res.status(201).json(presentedOrganizationScope(scope));
  });
  router.get('/organization-scopes/:id', (req, res) => {
    res.json(presentedOrganizationScope(requireScope(req.params.id)));
  });
  router.patch('/organization-scopes/:id', (req, res) => {
    const scope = requireScope(req.params.id);
    const changes = bodyOf(req, scopeInput.partial()) as Partial<OrganizationScopeRecord>;
    requireFree(directory.organizationScopes, changes.name, scope.id);
    const changed = presentedOrganizationScope(directory.organizationScopes.put({ ...scope, ...changes }));
    announce(issuer, req, res, 'OrganizationScope.Data.Updated', { data: changed });
    res.json(changed);
  });
  router.delete('/organization-scopes/:id', (req, res) => {
    const { id } = requireScope(req.params.id);
    directory.organizationScopes.delete(id);
    for (const role of directory.organizationRoles.all())
      directory.organizationRoles.put({ ...role, scopeIds: role.scopeIds.filter((held) => held !== id) });
    announce(issuer, req, res, 'OrganizationScope.Deleted');
    res.status(204).end();
  });
  return router;
}
