import type { RequestHandler } from 'express';
import { z } from 'zod';
import { InvalidInput, Unauthenticated, UnsupportedMediaType } from '../errors.ts';
import type { BrowserSessions } from './browser-sessions.ts';
import type { CountSessionEvent } from './session-metrics.ts';
import type { SessionPrincipals } from './session-principal.ts';

const bodySchema = z.strictObject({
  organizationId: z
    .string()
    .regex(/^[\w-]{1,64}$/)
    .nullable(),
});

/**
 * Switches the organization that the session acts in, `null` for none. Nothing changes unless there is a good token
 * for it, which the session still holds or Logto gives now; then the session goes on under a new id. While it holds
 * one, a membership that has ended is not noticed here: what that person may do there is Permit's to say.
 *
 * @throws (on a request) InvalidInput, UnsupportedMediaType, Unauthenticated, PermissionDenied when the person is
 *   not in the organization, UpstreamUnavailable.
 */
export function createOrganizationRoute(options: {
  sessions: BrowserSessions;
  principals: SessionPrincipals;
  count: CountSessionEvent;
}): RequestHandler {
  const { sessions, principals, count } = options;
  return async function switchOrganization(req, res) {
    const stored = await sessions.current(req, res);
    if (!stored) throw new Unauthenticated('no session');
    if (!req.is('application/json')) throw new UnsupportedMediaType();
    const body = bodySchema.safeParse(req.body);
    if (!body.success) {
      throw new InvalidInput([{ path: 'organizationId', message: 'the id of an organization, or null' }]);
    }
    const organizationId = body.data.organizationId ?? undefined;
    const principal = await principals.principalOf(stored, organizationId);
    const renewed = principal && (await sessions.renew(req, res, organizationId));
    if (!renewed) {
      await sessions.endSpent(req, res);
      throw new Unauthenticated('the session has ended');
    }
    count('organization_switched');
    res.json({ organizationId: organizationId ?? null, tenant: principal.tenant });
  };
}
