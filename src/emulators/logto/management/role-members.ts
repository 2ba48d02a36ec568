import { Router } from 'express';
import { z } from 'zod';
import type { ApplicationRecord, UserRecord } from '../directory/records.ts';
import type { Table } from '../directory/tables.ts';
import type { Issuer } from '../issuer.ts';
import { notExistsWithId, notFound } from './management-error.ts';
import { sendPageOf } from './paging.ts';
import { presentedApplication, presentedUser } from './presented.ts';
import { bodyOf } from './request-body.ts';
import { requireRoleType } from './role-type.ts';
import { requireRole } from './roles.ts';

/** Who has a role: `/roles/:id/users` and `/roles/:id/applications`. No webhook tells of a change here. */
export function createRoleMemberRoutes(issuer: Issuer): Router {
  const { users, applications } = issuer.directory;
  return Router().use(
    memberRoutes(issuer, 'users', 'userIds', users, presentedUser),
    memberRoutes(issuer, 'applications', 'applicationIds', applications, (row) =>
      presentedApplication(row, issuer.version),
    ),
  );
}

function memberRoutes<Row extends UserRecord | ApplicationRecord>(
  issuer: Issuer,
  segment: string,
  bodyKey: string,
  table: Table<Row>,
  present: (row: Row) => unknown,
): Router {
  const router = Router();
  const patch = (row: Row, roleIds: string[]) => table.put({ ...row, roleIds });

  router.get(`/roles/:id/${segment}`, (req, res) => {
    const { id } = requireRole(issuer, String(req.params.id));
    const members = table.all().filter((row) => row.roleIds.includes(id));
    sendPageOf(issuer, req, res, members.toReversed(), present);
  });
  router.post(`/roles/:id/${segment}`, (req, res) => {
    const role = requireRole(issuer, String(req.params.id));
    const body = bodyOf(req, z.object({ [bodyKey]: z.array(z.string().min(1)).min(1) }));
    const rows = (body[bodyKey] ?? []).map((memberId) => {
      const row = table.get(memberId);
      if (!row) throw notFound();
      return row;
    });
    requireRoleType(role, segment === 'users' ? 'User' : 'MachineToMachine');
    for (const row of rows) patch(row, [...new Set([...row.roleIds, role.id])]);
    res.status(201).type('text/plain').send('Created');
  });
  router.delete(`/roles/:id/${segment}/:memberId`, (req, res) => {
    const { id } = requireRole(issuer, String(req.params.id));
    const row = table.get(String(req.params.memberId));
    if (!row?.roleIds.includes(id)) throw notExistsWithId(`${segment}_roles`, id);
    patch(
      row,
      row.roleIds.filter((roleId) => roleId !== id),
    );
    res.status(204).end();
  });
  return router;
}
