import { Router } from 'express';
import { z } from 'zod';
import { newId } from '../directory/ids.ts';
import type { ResourceRecord, ScopeRecord } from '../directory/records.ts';
import type { Issuer } from '../issuer.ts';
import { announce } from './announce.ts';
import { ManagementError, notExistsWithId } from './management-error.ts';
import { asksForPage, sendPageOf } from './paging.ts';
import { presentedResource, presentedScope } from './presented.ts';
import { bodyOf } from './request-body.ts';

const ttl = z.int().min(1);
const scopeInput = z.object({ name: z.string().min(1), description: z.string().nullish() });

/** `/resources` (which send no webhook) and their scopes (which do). */
export function createResourceRoutes(issuer: Issuer): Router {
  const { directory, clock } = issuer;
  const router = Router();

  function requireResource(id: string): ResourceRecord {
    const resource = directory.resources.get(id);
    if (!resource) throw notExistsWithId('resources', id);
    return resource;
  }
  function requireScope(resourceId: string, id: string): ScopeRecord {
    const scope = directory.scopes.get(id);
    if (scope?.resourceId !== resourceId) throw notExistsWithId('scopes', id);
    return scope;
  }
  const scopesOf = (resourceId: string) =>
    directory.scopes
      .all()
      .filter((scope) => scope.resourceId === resourceId)
      .toReversed();
  const withScopes = (resource: ResourceRecord) => ({
    ...presentedResource(resource),
    scopes: scopesOf(resource.id).map(presentedScope),
  });
  function requireScopeName(resourceId: string, name: string | undefined, self?: string): void {
    if (name?.includes(' '))
      throw new ManagementError(
        400,
        'scope.name_with_space',
        'The name of the scope cannot contain any spaces.',
      );
    if (scopesOf(resourceId).some((scope) => scope.name === name && scope.id !== self))
      throw new ManagementError(
        422,
        'scope.name_exists',
        `The scope name ${name} is already in use, please use another name.`,
      );
  }

  router.get('/resources', (req, res) => {
    const present = req.query.includeScopes === 'true' ? withScopes : presentedResource;
    const all = directory.resources.all();
    // Not paged, unless a page is asked for; the management API comes first.
    all.sort((a, b) => Number(b.id === 'management-api') - Number(a.id === 'management-api'));
    if (asksForPage(req)) sendPageOf(issuer, req, res, all, present);
    else res.json(all.map(present));
  });
  router.post('/resources', (req, res) => {
    const input = bodyOf(
      req,
      z.object({ name: z.string().min(1), indicator: z.string().min(1), accessTokenTtl: ttl.optional() }),
    );
    if (directory.resources.find(({ indicator }) => indicator === input.indicator))
      throw new ManagementError(
        422,
        'resource.resource_identifier_in_use',
        `The API identifier ${input.indicator} is already in use`,
      );
    const resource = directory.resources.put({
      id: newId(21),
      name: input.name,
      indicator: input.indicator,
      isDefault: false,
      accessTokenTtl: input.accessTokenTtl ?? 3600,
    });
    res.status(201).json(withScopes(resource));
  });
  router.get(
    '/resources/:id',
    (req, res) => void res.json(presentedResource(requireResource(req.params.id))),
  );
  router.patch('/resources/:id', (req, res) => {
    const changes = bodyOf(req, z.object({ name: z.string().min(1), accessTokenTtl: ttl }).partial());
    const resource = { ...requireResource(req.params.id), ...(changes as Partial<ResourceRecord>) };
    res.json(presentedResource(directory.resources.put(resource)));
  });
  router.patch('/resources/:id/is-default', (req, res) => {
    const { isDefault } = bodyOf(req, z.object({ isDefault: z.boolean() }));
    const resource = requireResource(req.params.id);
    for (const other of directory.resources.all())
      if (other.isDefault) directory.resources.put({ ...other, isDefault: false });
    res.json(presentedResource(directory.resources.put({ ...resource, isDefault })));
  });
  router.delete('/resources/:id', (req, res) => {
    const { id } = requireResource(req.params.id);
    if (id === 'management-api')
      throw new ManagementError(
        400,
        'resource.cannot_delete_management_api',
        'Cannot delete Logto management API.',
      );
    for (const scope of scopesOf(id)) directory.scopes.delete(scope.id);
    directory.resources.delete(id);
    res.status(204).end();
  });

  router.get('/resources/:resourceId/scopes', (req, res) => {
    sendPageOf(issuer, req, res, scopesOf(requireResource(req.params.resourceId).id), presentedScope);
  });
  router.post('/resources/:resourceId/scopes', (req, res) => {
    const { id: resourceId } = requireResource(req.params.resourceId);
    const input = bodyOf(req, scopeInput);
    requireScopeName(resourceId, input.name);
    const scope = directory.scopes.put({
      id: newId(21),
      resourceId,
      name: input.name,
      description: input.description ?? null,
      createdAt: clock.now(),
    });
    announce(issuer, req, res, 'Scope.Created', { data: presentedScope(scope) });
    res.status(201).json(presentedScope(scope));
  });
  router.patch('/resources/:resourceId/scopes/:scopeId', (req, res) => {
    const scope = requireScope(req.params.resourceId, req.params.scopeId);
    const changes = bodyOf(req, scopeInput.partial()) as Partial<ScopeRecord>;
    requireScopeName(scope.resourceId, changes.name, scope.id);
    const changed = presentedScope(directory.scopes.put({ ...scope, ...changes }));
    announce(issuer, req, res, 'Scope.Data.Updated', { data: changed });
    res.json(changed);
  });
  router.delete('/resources/:resourceId/scopes/:scopeId', (req, res) => {
    const scope = requireScope(req.params.resourceId, req.params.scopeId);
    directory.scopes.delete(scope.id);
    announce(issuer, req, res, 'Scope.Deleted');
    res.status(204).end();
  });
  return router;
}
