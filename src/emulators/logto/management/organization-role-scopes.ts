import { type Request, Router } from 'express';
import { z } from 'zod';
import type { OrganizationRoleRecord } from '../directory/records.ts';
import type { Table } from '../directory/tables.ts';
import type { Issuer } from '../issuer.ts';
import { announce } from './announce.ts';
import { notExistsWithId } from './management-error.ts';
import { presentedOrganizationScope, presentedScope } from './presented.ts';
import { bodyOf } from './request-body.ts';

type Kind<Row extends { id: string; name: string }> = {
  segment: 'scopes' | 'resource-scopes';
  column: 'scopeIds' | 'resourceScopeIds';
  param: string;
  bodyKey: string;
  table: Table<Row>;
  /** Changes of organization permissions send a webhook, those of API scopes none. */
  announces: boolean;
  present(row: Row): unknown;
};

/** What an organization role holds: organization permissions, and scopes of API resources. */
export function createOrganizationRoleScopeRoutes(issuer: Issuer): Router {
  const { organizationScopes, scopes } = issuer.directory;
  return Router().use(
    scopeRoutes(issuer, {
      segment: 'scopes',
      column: 'scopeIds',
      param: 'organizationScopeId',
      bodyKey: 'organizationScopeIds',
      table: organizationScopes,
      announces: true,
      present: presentedOrganizationScope,
    }),
    scopeRoutes(issuer, {
      segment: 'resource-scopes',
      column: 'resourceScopeIds',
      param: 'scopeId',
      bodyKey: 'scopeIds',
      table: scopes,
      announces: false,
      present: presentedScope,
    }),
  );
}

function scopeRoutes<Row extends { id: string; name: string }>(issuer: Issuer, kind: Kind<Row>): Router {
  const { organizationRoles } = issuer.directory;
  const { column, table, bodyKey } = kind;
  const path = `/organization-roles/:id/${kind.segment}`;
  const body = z.object({ [bodyKey]: z.array(z.string()) });
  const router = Router();

  function roleOf(req: Request): OrganizationRoleRecord {
    const id = String(req.params.id);
    const role = organizationRoles.get(id);
    if (!role) throw notExistsWithId('organization-roles', id);
    return role;
  }

  function idsOf(req: Request): string[] {
    const ids = bodyOf(req, body)[bodyKey] ?? [];
    for (const id of ids) if (!table.get(id)) throw notExistsWithId(kind.segment, id);
    return ids;
  }

  function keep(req: Request, ids: string[]): void {
    organizationRoles.put({ ...roleOf(req), [column]: [...new Set(ids)] });
  }

  router.get(path, (req, res) => {
    const held = roleOf(req)[column].flatMap((id) => table.get(id) ?? []);
    if (kind.announces) held.sort((a, b) => (a.name < b.name ? -1 : 1));
    res.json(held.map(kind.present));
  });
  router.post(path, (req, res) => {
    keep(req, [...roleOf(req)[column], ...idsOf(req)]);
    if (kind.announces) announce(issuer, req, res, 'OrganizationRole.Scopes.Updated');
    res.status(201).type('text/plain').send('Created');
  });
  router.put(path, (req, res) => {
    roleOf(req);
    keep(req, idsOf(req));
    if (kind.announces) announce(issuer, req, res, 'OrganizationRole.Scopes.Updated');
    res.status(204).end();
  });
  router.delete(`${path}/:${kind.param}`, (req, res) => {
    const role = roleOf(req);
    keep(
      req,
      role[column].filter((id) => id !== req.params[kind.param]),
    );
    if (kind.announces) announce(issuer, req, res, 'OrganizationRole.Scopes.Updated');
    res.status(204).end();
  });
  return router;
}
