import { type Request, type RequestHandler, Router } from 'express';
import {
  jsonBody,
  loadedOf,
  onceOf,
  PermissionDenied,
  type Principal,
  pathParam,
  permittedScopeOf,
  principalOf,
  type RouteDocument,
  type Target,
} from '../../index.ts';
import type { AppParts } from '../app-parts.ts';
import { parseInput } from '../parse-input.ts';
import type { ReportPayload } from '../reports/report-errands.ts';
import {
  pageQuery,
  REPORT_BYTES,
  type Report,
  report,
  reportChange,
  reportInput,
  reportPage,
} from '../reports/report-schemas.ts';

/** Reports: each route asks about the very report, in the tenant that it was created in. */
export function reportRoutes({ gate, reports, authenticated }: AppParts): Router {
  const { outbox, requirePermission, requirePermittedScope } = gate;
  const router = Router({ caseSensitive: true, strict: true });
  const reportBody = jsonBody({ limitBytes: REPORT_BYTES });
  const thisReport: Target = { key: pathParam('reportId'), load: (_req, id) => reports.find(id) };

  const listReports: RequestHandler = async (req, res) => {
    const query = parseInput(pageQuery, req.query, 'query');
    res.json(await reports.page(callerOf(req).tenant, permittedScopeOf(req), query));
  };

  const createReport: RequestHandler = async (req, res) => {
    const { key, tenant } = callerOf(req);
    const input = parseInput(reportInput, req.body, 'body');
    const { answer } = await outbox.perform<ReportPayload, Report>('report-created', {
      once: onceOf(req.get('Idempotency-Key'), key, { create: 'report', tenant, input }),
      prepare: async (tx) => {
        const created = await reports.insert(tx, input, { ownerId: key, tenant });
        return { payload: { id: created.id, tenant, ownerId: key }, answer: created };
      },
    });
    res.status(201).location(`/api/reports/${answer.id}`).json(answer);
  };

  const showReport: RequestHandler = (req, res) => {
    res.json(loadedOf<Report>(req));
  };

  const editReport: RequestHandler = async (req, res) => {
    const change = parseInput(reportChange, req.body, 'body');
    res.json(stillThere(await reports.change(loadedOf<Report>(req).id, change)));
  };

  const publishReport: RequestHandler = async (req, res) => {
    res.json(stillThere(await reports.publish(loadedOf<Report>(req).id)));
  };

  const deleteReport: RequestHandler = async (req, res) => {
    const { id, tenant, ownerId } = loadedOf<Report>(req);
    await outbox.perform<ReportPayload, null>('report-deleted', {
      ifInterrupted: 'finish',
      prepare: async (tx) => {
        await reports.setVisible(tx, id, false);
        return { payload: { id, tenant, ownerId }, answer: null };
      },
    });
    res.status(204).end();
  };

  router.get('/reports', ...authenticated, requirePermittedScope('view', 'reports'), listReports);
  router.post('/reports', ...authenticated, requirePermission('create', 'reports'), reportBody, createReport);
  router.get(
    '/reports/:reportId',
    ...authenticated,
    requirePermission('view', 'reports', thisReport),
    showReport,
  );
  router.patch(
    '/reports/:reportId',
    ...authenticated,
    requirePermission('edit', 'reports', thisReport),
    reportBody,
    editReport,
  );
  router.delete(
    '/reports/:reportId',
    ...authenticated,
    requirePermission('delete', 'reports', thisReport),
    deleteReport,
  );
  router.post(
    '/reports/:reportId/publish',
    ...authenticated,
    requirePermission('publish', 'reports', thisReport),
    publishReport,
  );
  return router;
}

export const reportDocuments: Record<string, RouteDocument> = {
  'GET /api/reports': {
    summary: 'Reports that the caller may see, newest first',
    query: pageQuery,
    responses: { 200: { description: 'One page', schema: reportPage } },
  },
  'POST /api/reports': {
    summary: 'Create a report in the current tenant; the caller becomes its owner',
    description: 'Takes an `Idempotency-Key` header: a repeated request with the same key makes nothing new.',
    body: reportInput,
    responses: { 201: { description: 'Created', schema: report } },
  },
  'GET /api/reports/:reportId': {
    summary: 'One report',
    responses: { 200: { description: 'The report', schema: report } },
  },
  'PATCH /api/reports/:reportId': {
    summary: 'Change title or body',
    body: reportChange,
    responses: { 200: { description: 'As it is now', schema: report } },
  },
  'DELETE /api/reports/:reportId': {
    summary: 'Delete a report',
    responses: { 204: { description: 'Gone' } },
  },
  'POST /api/reports/:reportId/publish': {
    summary: 'Publish a report',
    responses: { 200: { description: 'Published', schema: report } },
  },
};

function callerOf(req: Request): Principal {
  return principalOf(req) as Principal;
}

function stillThere(found: Report | undefined): Report {
  if (!found) throw new PermissionDenied('the report has gone meanwhile');
  return found;
}
