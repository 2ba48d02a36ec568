import { type RequestHandler, Router } from 'express';
import { z } from 'zod';
import {
  authenticatedRoute,
  callerChecksSchema,
  jsonBody,
  principalOf,
  type RouteDocument,
} from '../../index.ts';
import type { AppParts } from '../app-parts.ts';

const me = z.object({
  kind: z.enum(['user', 'machine']),
  sub: z.string(),
  key: z.string(),
  clientId: z.string(),
  tenant: z.string(),
  organizationId: z.string().nullable(),
  scopes: z.array(z.string()),
  audience: z.string(),
  actor: z.string().nullable(),
  via: z.enum(['bearer', 'session']),
  issuedAt: z.iso.datetime(),
  expiresAt: z.iso.datetime(),
});

/** As the routes under `/api/admin` ask. */
const places = { inDefaultTenant: ['operations'] } as const;

/** About the caller alone: a `user` in query or body is never read. */
export function meRoutes({ gate, authenticated }: AppParts): Router {
  const { callerPermissions } = gate;
  const router = Router({ caseSensitive: true, strict: true });

  const showMe: RequestHandler = (req, res) => {
    const principal = principalOf(req);
    if (!principal) throw new Error('behind authentication');
    const { kind, sub, key, clientId, tenant, audience, via } = principal;
    res.json({
      kind,
      sub,
      key,
      clientId,
      tenant,
      organizationId: principal.organizationId ?? null,
      scopes: [...principal.scopes],
      audience,
      actor: principal.actor ?? null,
      via,
      issuedAt: timeOf(principal.issuedAt),
      expiresAt: timeOf(principal.expiresAt),
    } satisfies z.output<typeof me>);
  };
  const listPermissions: RequestHandler = async (req, res) => {
    res.json(await callerPermissions.list(req, places));
  };
  const checkPermissions: RequestHandler = async (req, res) => {
    res.json(await callerPermissions.check(req, req.body, places));
  };

  router.get('/me', ...authenticated, authenticatedRoute('about the caller alone'), showMe);
  router.get(
    '/me/permissions',
    ...authenticated,
    authenticatedRoute('about the caller alone'),
    listPermissions,
  );
  router.post(
    '/me/permissions/check',
    ...authenticated,
    authenticatedRoute('about the caller alone'),
    jsonBody({ limitBytes: 512 * 1024 }),
    checkPermissions,
  );
  return router;
}

export const meDocuments: Record<string, RouteDocument> = {
  'GET /api/me': {
    summary: 'Who the server thinks is calling',
    responses: { 200: { description: 'The principal', schema: me } },
  },
  'GET /api/me/permissions': { summary: 'What the caller may do in the current tenant, by resource' },
  'POST /api/me/permissions/check': {
    summary: 'Many yes-or-no questions about the caller at once',
    description: 'A question with a key is about roles: `true` does not say that the object exists.',
    body: callerChecksSchema,
    responses: {
      200: {
        description: 'One boolean a question',
        schema: z.object({ permittedList: z.array(z.boolean()) }),
      },
    },
  },
};

function timeOf(seconds: number): string {
  return new Date(seconds * 1_000).toISOString();
}
