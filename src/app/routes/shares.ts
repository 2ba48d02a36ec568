import { type RequestHandler, Router } from 'express';
import { z } from 'zod';
import { loadedOf, PermissionDenied, pathParam, type RouteDocument, type Target } from '../../index.ts';
import type { AppParts } from '../app-parts.ts';
import { memberId } from '../members/member-schemas.ts';
import { parseInput } from '../parse-input.ts';
import { type SharePayload, shareTopicOf } from '../reports/report-errands.ts';
import type { Report } from '../reports/report-schemas.ts';

const share = z.object({ reportId: z.string(), userId: z.string(), role: z.literal('reader') });

/** Sharing gives the role `reader` on one report to a member of the report's tenant, and to nobody else. */
export function shareRoutes({ gate, reports, authenticated }: AppParts): Router {
  const { outbox, members, requirePermission } = gate;
  const router = Router({ caseSensitive: true, strict: true });
  const thisReport: Target = { key: pathParam('reportId'), load: (_req, id) => reports.find(id) };

  const shareReport: RequestHandler = async (req, res) => {
    const { id, tenant } = loadedOf<Report>(req);
    const userId = parseInput(memberId, req.params.userId, 'userId');
    if (!(await members.isMember(userId, tenant))) throw new PermissionDenied('not a member of the tenant');
    await outbox.perform<SharePayload, null>('report-shared', {
      ifInterrupted: 'finish',
      topic: shareTopicOf(id, userId),
      prepare: async () => ({ payload: { id, tenant, userId }, answer: null }),
    });
    res.json({ reportId: id, userId, role: 'reader' } satisfies z.output<typeof share>);
  };

  const unshareReport: RequestHandler = async (req, res) => {
    const { id, tenant } = loadedOf<Report>(req);
    const userId = parseInput(memberId, req.params.userId, 'userId');
    await outbox.perform<SharePayload, null>('report-unshared', {
      ifInterrupted: 'finish',
      topic: shareTopicOf(id, userId),
      prepare: async () => ({ payload: { id, tenant, userId }, answer: null }),
    });
    res.status(204).end();
  };

  const path = '/reports/:reportId/shares/:userId';
  router.put(path, ...authenticated, requirePermission('share', 'reports', thisReport), shareReport);
  router.delete(path, ...authenticated, requirePermission('share', 'reports', thisReport), unshareReport);
  return router;
}

export const shareDocuments: Record<string, RouteDocument> = {
  'PUT /api/reports/:reportId/shares/:userId': {
    summary: 'Let a member of the tenant read this report',
    responses: { 200: { description: 'Shared', schema: share } },
  },
  'DELETE /api/reports/:reportId/shares/:userId': {
    summary: 'Take the reading right back',
    responses: { 204: { description: 'No longer shared' } },
  },
};
