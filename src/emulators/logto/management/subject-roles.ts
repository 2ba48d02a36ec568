import { type Request, Router } from 'express';
import { z } from 'zod';
import type { ApplicationRecord, RoleRecord, UserRecord } from '../directory/records.ts';
import type { Table } from '../directory/tables.ts';
import type { Issuer } from '../issuer.ts';
import { notExistsWithId } from './management-error.ts';
import { sendPageOf } from './paging.ts';
import { presentedRole } from './presented.ts';
import { bodyOf } from './request-body.ts';
import { requireRoleType } from './role-type.ts';

type Subject = UserRecord | ApplicationRecord;
type Options<Row extends Subject> = {
  /** `/users/:userId` or `/applications/:applicationId`. */
  path: string;
  table: Table<Row>;
  subject(req: Request): Row;
  type: RoleRecord['type'];
};

const roleIdsBody = z.object({ roleIds: z.array(z.string().min(1)) });

/** Global roles of a user or of an application. None of these calls sends a webhook. */
export function createSubjectRoleRoutes<Row extends Subject>(issuer: Issuer, options: Options<Row>): Router {
  const { directory } = issuer;
  const { path, table, subject, type } = options;
  const router = Router();
  const put = (row: Row, roleIds: string[]) => table.put({ ...row, roleIds });

  function requireRoles(roleIds: string[]): string[] {
    for (const id of roleIds) {
      const role = directory.roles.get(id);
      if (!role) throw notExistsWithId('roles', id);
      requireRoleType(role, type);
    }
    return roleIds;
  }

  router.get(`${path}/roles`, (req, res) => {
    const roles = subject(req).roleIds.flatMap((id) => directory.roles.get(id) ?? []);
    sendPageOf(issuer, req, res, roles, presentedRole);
  });
  router.post(`${path}/roles`, (req, res) => {
    const row = subject(req);
    const roleIds = requireRoles(bodyOf(req, roleIdsBody).roleIds);
    const addedRoleIds = roleIds.filter((id) => !row.roleIds.includes(id));
    put(row, [...row.roleIds, ...addedRoleIds]);
    res.status(201).json({ roleIds, addedRoleIds });
  });
  router.put(`${path}/roles`, (req, res) => {
    const row = subject(req);
    const roleIds = requireRoles(bodyOf(req, roleIdsBody).roleIds);
    put(row, roleIds);
    res.json({ roleIds });
  });
  router.delete(`${path}/roles/:roleId`, (req, res) => {
    const row = subject(req);
    const { roleId } = req.params as Record<string, string>;
    if (!row.roleIds.includes(roleId ?? '')) throw notExistsWithId('users_roles', roleId ?? '');
    put(
      row,
      row.roleIds.filter((id) => id !== roleId),
    );
    res.status(204).end();
  });
  return router;
}
