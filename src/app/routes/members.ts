import { type Request, type RequestHandler, Router } from 'express';
import { z } from 'zod';
import {
  Conflict,
  PermissionDenied,
  type PolicyInput,
  type Principal,
  principalOf,
  type RouteDocument,
  roleKeysOf,
} from '../../index.ts';
import type { AppParts } from '../app-parts.ts';
import { type RolePayload, roleTopicOf } from '../members/member-errands.ts';
import { member, memberId, memberKey, memberPage } from '../members/member-schemas.ts';
import { createCursor } from '../page-cursor.ts';
import { parseInput } from '../parse-input.ts';
import { policy } from '../policy.ts';
import { pageQuery } from '../reports/report-schemas.ts';

const roleKey = z.enum(roleKeysOf(policy) as [string, ...string[]], 'is no role of the policy');
const FROM_LOGTO = 'this role comes from Logto and has to be taken there';
/** Or the last administrator could lock everybody out. */
const OWN_RIGHT = 'another administrator has to take this role from you';
const cursor = createCursor(z.strictObject({ after: memberKey }));

/** Who belongs to the current tenant, and the tenant roles that an administrator gives and takes. */
export function memberRoutes({ gate, authenticated }: AppParts): Router {
  const { outbox, members, requirePermission } = gate;
  const router = Router({ caseSensitive: true, strict: true });

  const listMembers: RequestHandler = async (req, res) => {
    const { limit = 100, cursor: text } = parseInput(pageQuery, req.query, 'query');
    const after = cursor.read(text)?.after ?? '';
    const found = (await members.list(tenantOf(req))).filter(({ id }) => id > after);
    const items = found.slice(0, limit);
    const last = found.length > limit ? items.at(-1) : undefined;
    res.json({ items, nextCursor: last ? cursor.write({ after: last.id }) : null });
  };

  const giveRole: RequestHandler = async (req, res) => {
    const grant = grantOf(req);
    if (!(await members.isMember(grant.user, grant.tenant)))
      throw new PermissionDenied('not a member of the tenant');
    await outbox.perform<RolePayload, null>('role-given', {
      ifInterrupted: 'finish',
      topic: roleTopicOf(grant),
      prepare: async () => ({ payload: grant, answer: null }),
    });
    const roles = (await members.rolesOf(grant.user, grant.tenant)).sort();
    res.json({ id: grant.user, kind: grant.user.startsWith('m2m|') ? 'machine' : 'user', roles });
  };

  const takeRole: RequestHandler = async (req, res) => {
    const grant = grantOf(req);
    // Also from somebody who is suspended, or the role would be back when that ends.
    if (!(await members.isMember(grant.user, grant.tenant, { orSuspended: true })))
      throw new PermissionDenied('not a member of the tenant');
    if (await members.isFromLogto(grant)) throw new Conflict('a role of Logto', { detail: FROM_LOGTO });
    if (grant.user === principalOf(req)?.key && managesMembers(grant.role))
      throw new Conflict('the own right to manage', { detail: OWN_RIGHT });
    await outbox.perform<RolePayload, null>('role-taken', {
      ifInterrupted: 'finish',
      topic: roleTopicOf(grant),
      prepare: async () => ({ payload: grant, answer: null }),
    });
    res.status(204).end();
  };

  router.get('/members', ...authenticated, requirePermission('view', 'members'), listMembers);
  const path = '/members/:userId/roles/:role';
  router.put(path, ...authenticated, requirePermission('manage', 'members'), giveRole);
  router.delete(path, ...authenticated, requirePermission('manage', 'members'), takeRole);
  return router;
}

export const memberDocuments: Record<string, RouteDocument> = {
  'GET /api/members': {
    summary: 'Members of the current tenant with their roles',
    query: pageQuery,
    responses: { 200: { description: 'One page', schema: memberPage } },
  },
  'PUT /api/members/:userId/roles/:role': {
    summary: 'Give a member a role in the current tenant',
    responses: { 200: { description: 'The member', schema: member } },
  },
  'DELETE /api/members/:userId/roles/:role': {
    summary: 'Take a role from a member',
    responses: { 204: { description: 'Taken' }, 409: { description: `${FROM_LOGTO}; ${OWN_RIGHT}` } },
  },
};

const managesMembers = (role: string) =>
  (policy as PolicyInput).roles[role]?.includes('members:manage') === true;

const tenantOf = (req: Request) => (principalOf(req) as Principal).tenant;

function grantOf(req: Request): RolePayload {
  return {
    user: parseInput(memberId, req.params.userId, 'userId'),
    role: parseInput(roleKey, req.params.role, 'role'),
    tenant: tenantOf(req),
  };
}
