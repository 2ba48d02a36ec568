import { type RequestHandler, Router } from 'express';
import { z } from 'zod';
import { jsonBody, OBJECT_ID, PermissionDenied, type RouteDocument, type Target } from '../../index.ts';
import type { AppParts } from '../app-parts.ts';
import { memberId } from '../members/member-schemas.ts';
import { parseInput } from '../parse-input.ts';

const DELIVERY_ID = z.string().regex(/^\d{1,18}$/, 'is not a delivery id');
const objectKey = z.string().regex(OBJECT_ID, 'is not a valid id');

const deliveriesQuery = z.strictObject({
  limit: z
    .string()
    .regex(/^\d{1,3}$/, 'must be a whole number')
    .transform(Number)
    .pipe(z.number().min(1).max(200))
    .optional(),
  cursor: DELIVERY_ID.optional(),
  status: z.enum(['open', 'done', 'ignored', 'dead', 'dropped']).optional(),
});

const driftQuery = z.strictObject({ fresh: z.enum(['true', 'false']).optional() });

const explainInput = z.strictObject({
  user: memberId,
  action: z.string().min(1).max(128),
  resource: z.string().min(1).max(128),
  key: objectKey.optional(),
  tenant: objectKey.optional(),
});

/** What an operator looks at. Asked in the default tenant; callers that act in an organization are refused. */
export function adminRoutes({ gate, authenticated, defaultTenant }: AppParts): Router {
  const { inbox, sync, explainer, requirePermission } = gate;
  const router = Router({ caseSensitive: true, strict: true });
  const everywhere: Target = { tenant: 'default' };

  const listDeliveries: RequestHandler = async (req, res) => {
    const { limit = 50, cursor, status } = parseInput(deliveriesQuery, req.query, 'query');
    const [found, summary] = await Promise.all([
      inbox.list({ limit: limit + 1, ...(cursor ? { before: cursor } : {}), ...(status ? { status } : {}) }),
      inbox.stats(),
    ]);
    const items = found.slice(0, limit);
    res.json({ items, nextCursor: found.length > limit ? (items.at(-1)?.id ?? null) : null, summary });
  };

  const replayDelivery: RequestHandler = async (req, res) => {
    const id = parseInput(DELIVERY_ID, req.params.id, 'id');
    const replayed = await inbox.replay({ ids: [id] });
    if (replayed === 0 && !(await inbox.show(id))) throw new PermissionDenied('no such delivery');
    res.json({ id, replayed });
  };

  const showDrift: RequestHandler = async (req, res) => {
    const { fresh } = parseInput(driftQuery, req.query, 'query');
    const drift = await sync.drift({ fresh: fresh === 'true' });
    res.json(
      drift ? { available: true, ...drift } : { available: false, reason: 'no Management API is configured' },
    );
  };

  const explain: RequestHandler = async (req, res) => {
    const {
      user,
      action,
      resource,
      key,
      tenant = defaultTenant,
    } = parseInput(explainInput, req.body, 'body');
    res.json(
      await explainer.explain({
        user: { key: user },
        action,
        resource: { type: resource, ...(key === undefined ? {} : { key }), tenant },
      }),
    );
  };

  const view = requirePermission('view', 'operations', everywhere);
  const operate = requirePermission('operate', 'operations', everywhere);
  router.get('/admin/deliveries', ...authenticated, view, listDeliveries);
  router.post('/admin/deliveries/:id/replay', ...authenticated, operate, replayDelivery);
  router.get('/admin/drift', ...authenticated, view, showDrift);
  router.post('/admin/explain', ...authenticated, operate, jsonBody(), explain);
  return router;
}

export const adminDocuments: Record<string, RouteDocument> = {
  'GET /api/admin/deliveries': { summary: 'Webhook deliveries, newest first', query: deliveriesQuery },
  'POST /api/admin/deliveries/:id/replay': { summary: 'Work a delivery again' },
  'GET /api/admin/drift': { summary: 'How Logto and Permit differ, in both directions', query: driftQuery },
  'POST /api/admin/explain': {
    summary: "Why somebody may or may not: the engine's reasoning",
    body: explainInput,
  },
};
