import { Router } from 'express';
import { z } from 'zod';
import type { ApplicationRecord, UserRecord } from '../directory/records.ts';
import type { Table } from '../directory/tables.ts';
import type { Issuer } from '../issuer.ts';
import { grantedOrganizationScopes } from '../oidc/granted-scopes.ts';
import { publicUser } from '../webhooks/payloads.ts';
import { announce } from './announce.ts';
import { ManagementError } from './management-error.ts';
import { sendPageOf } from './paging.ts';
import {
  memberRoles,
  presentedApplication,
  presentedOrganizationRole,
  presentedOrganizationScope,
} from './presented.ts';
import { bodyOf } from './request-body.ts';
import { requireRoleType } from './role-type.ts';

/** A webhook names so many members at most, and does not tell that there are more. */
const ANNOUNCED = 5_000;

type Member = UserRecord | ApplicationRecord;

function resembles(row: Member, text: string): boolean {
  const names = 'username' in row ? [row.username, row.primaryEmail, row.name] : [row.name];
  return [row.id, ...names].some((name) => name?.toLowerCase().includes(text));
}

type Kind<Row extends Member> = {
  segment: 'users' | 'applications';
  param: 'userId' | 'applicationId';
  bodyKey: 'userIds' | 'applicationIds';
  added: string;
  removed: string;
  table: Table<Row>;
  present(row: Row): object;
};

const missingReference = () =>
  new ManagementError(
    422,
    'entity.relation_foreign_key_not_found',
    'Cannot find one or more foreign keys. Please check the input and ensure that all referenced entities exist.',
  );

/** Members of an organization, people and machines, and their roles in it. Role changes send no webhook. */
export function createOrganizationMemberRoutes(issuer: Issuer): Router {
  const { users, applications } = issuer.directory;
  return Router().use(
    memberRoutes(issuer, {
      segment: 'users',
      param: 'userId',
      bodyKey: 'userIds',
      added: 'addedUserIds',
      removed: 'removedUserIds',
      table: users,
      // Without `hasPassword`, unlike everywhere else.
      present: publicUser,
    }),
    memberRoutes(issuer, {
      segment: 'applications',
      param: 'applicationId',
      bodyKey: 'applicationIds',
      added: 'addedApplicationIds',
      removed: 'removedApplicationIds',
      table: applications,
      present: (row) => presentedApplication(row, issuer.version),
    }),
  );
}

function memberRoutes<Row extends Member>(issuer: Issuer, kind: Kind<Row>): Router {
  const { directory } = issuer;
  const { segment, param, bodyKey, table } = kind;
  const path = `/organizations/:id/${segment}`;
  const router = Router();
  type Params = Record<string, string>;

  const membersOf = (id: string) =>
    table
      .all()
      .filter((row) => row.organizations[id] !== undefined)
      .sort((a, b) => (a.id < b.id ? -1 : 1));
  const setRoles = (row: Row, id: string, roleIds: string[]) =>
    table.put({ ...row, organizations: { ...row.organizations, [id]: roleIds } });
  const leave = (row: Row, id: string) => {
    const { [id]: _, ...organizations } = row.organizations;
    table.put({ ...row, organizations });
  };
  const delta = (added: string[], removed: string[]) => ({
    ...(added.length > 0 ? { [kind.added]: added.slice(0, ANNOUNCED) } : {}),
    ...(removed.length > 0 ? { [kind.removed]: removed.slice(0, ANNOUNCED) } : {}),
  });

  function requireMember(id: string, memberId: string): Row {
    const row = table.get(memberId);
    if (!row || row.organizations[id] === undefined)
      throw new ManagementError(
        422,
        'organization.require_membership',
        'The user must be a member of the organization to proceed.',
      );
    return row;
  }

  function requireExisting(id: string, memberIds: string[]): Row[] {
    const rows = memberIds.flatMap((memberId) => table.get(memberId) ?? []);
    if (!directory.organizations.get(id) || rows.length !== memberIds.length) throw missingReference();
    return rows;
  }

  function requireRoles(roleIds: string[]): string[] {
    for (const id of roleIds) {
      const role = directory.organizationRoles.get(id);
      if (!role) throw missingReference();
      requireRoleType(role, segment === 'users' ? 'User' : 'MachineToMachine');
    }
    return roleIds;
  }

  const memberIds = z.object({ [bodyKey]: z.array(z.string().min(1)) });
  const roleIdsBody = z.object({ organizationRoleIds: z.array(z.string()).default([]) });

  router.get(path, (req, res) => {
    const { id = '' } = req.params as Params;
    const text = String(req.query.q ?? '').toLowerCase();
    const found = membersOf(id).filter((row) => text === '' || resembles(row, text));
    sendPageOf(issuer, req, res, found, (row) => ({
      ...kind.present(row),
      organizationRoles: memberRoles(directory, row, id),
    }));
  });
  router.post(path, (req, res) => {
    const { id = '' } = req.params as Params;
    const ids = bodyOf(req, memberIds)[bodyKey] ?? [];
    const newcomers = requireExisting(id, ids).filter((row) => row.organizations[id] === undefined);
    for (const row of newcomers) setRoles(row, id, []);
    // Adding a member again sends the event too, with nobody in it.
    announce(issuer, req, res, 'Organization.Membership.Updated', {
      organizationId: id,
      ...delta(
        newcomers.map((row) => row.id),
        [],
      ),
    });
    if (segment === 'users') res.status(201).json({ userIds: ids });
    else res.status(201).type('text/plain').send('Created');
  });
  router.put(path, (req, res) => {
    const { id = '' } = req.params as Params;
    const ids = bodyOf(req, memberIds)[bodyKey] ?? [];
    const wanted = requireExisting(id, ids);
    const leaving = membersOf(id).filter((row) => !ids.includes(row.id));
    const joining = wanted.filter((row) => row.organizations[id] === undefined);
    for (const row of leaving) leave(row, id);
    for (const row of joining) setRoles(row, id, []);
    const idsOf = (rows: Row[]) => rows.map((row) => row.id);
    announce(issuer, req, res, 'Organization.Membership.Updated', {
      organizationId: id,
      ...delta(idsOf(joining), idsOf(leaving)),
    });
    res.status(204).end();
  });
  router.delete(`${path}/:${param}`, (req, res) => {
    const { id = '', [param]: memberId = '' } = req.params as Params;
    leave(requireMember(id, memberId), id);
    announce(issuer, req, res, 'Organization.Membership.Updated', {
      organizationId: id,
      ...delta([], [memberId]),
    });
    res.status(204).end();
  });

  router.post(`${path}/roles`, (req, res) => {
    const { id = '' } = req.params as Params;
    const ids = bodyOf(req, memberIds)[bodyKey] ?? [];
    const roleIds = requireRoles(bodyOf(req, roleIdsBody).organizationRoleIds);
    for (const row of ids.map((memberId) => requireMember(id, memberId)))
      setRoles(row, id, [...new Set([...(row.organizations[id] ?? []), ...roleIds])]);
    res.status(201).type('text/plain').send('Created');
  });
  router.get(`${path}/:${param}/roles`, (req, res) => {
    const { id = '', [param]: memberId = '' } = req.params as Params;
    const roles = memberRoles(directory, requireMember(id, memberId), id);
    res.json(
      roles.flatMap((role) => directory.organizationRoles.get(role.id) ?? []).map(presentedOrganizationRole),
    );
  });
  router.post(`${path}/:${param}/roles`, (req, res) => {
    const { id = '', [param]: memberId = '' } = req.params as Params;
    const row = requireMember(id, memberId);
    const organizationRoleIds = requireRoles(bodyOf(req, roleIdsBody).organizationRoleIds);
    setRoles(row, id, [...new Set([...(row.organizations[id] ?? []), ...organizationRoleIds])]);
    if (segment === 'users') res.status(201).json({ organizationRoleIds });
    else res.status(201).type('text/plain').send('Created');
  });
  router.put(`${path}/:${param}/roles`, (req, res) => {
    const { id = '', [param]: memberId = '' } = req.params as Params;
    setRoles(requireMember(id, memberId), id, requireRoles(bodyOf(req, roleIdsBody).organizationRoleIds));
    res.status(204).end();
  });
  router.delete(`${path}/:${param}/roles/:roleId`, (req, res) => {
    const { id = '', [param]: memberId = '', roleId } = req.params as Params;
    const row = requireMember(id, memberId);
    setRoles(
      row,
      id,
      (row.organizations[id] ?? []).filter((held) => held !== roleId),
    );
    res.status(204).end();
  });
  if (segment === 'users')
    router.get(`${path}/:${param}/scopes`, (req, res) => {
      const { id = '', [param]: memberId = '' } = req.params as Params;
      const names = grantedOrganizationScopes(directory, requireMember(id, memberId), id);
      const scopes = directory.organizationScopes.all().filter(({ name }) => names.includes(name));
      res.json(scopes.map(presentedOrganizationScope));
    });
  return router;
}
