import type { RequestHandler } from 'express';
import type { Logger } from 'pino';
import { runAuthRoute, type SdkConfig } from './auth-routes.ts';
import type { BoundedRequester } from './bounded-requester.ts';
import type { BrowserSessions } from './browser-sessions.ts';
import { plainCauseOf } from './plain-cause.ts';
import type { CountSessionEvent } from './session-metrics.ts';

/**
 * Signs out: the session is gone and the cookie taken back before Logto is asked anything, so an outage there
 * keeps nobody signed in here. Then the refresh token is revoked and the browser sent to end Logto's own session.
 * A caller that prefers JSON gets `{ redirectTo }`, for `fetch` cannot follow a redirect to another origin.
 */
export function createSignOutRoute(options: {
  config: SdkConfig;
  discover: () => Promise<{ revocationEndpoint: string }>;
  requester: BoundedRequester;
  sessions: BrowserSessions;
  timeoutMs: number;
  log: Logger;
  count: CountSessionEvent;
}): RequestHandler {
  const { config, discover, requester, sessions, timeoutMs, log, count } = options;

  async function leaveLogto(refreshToken: string | undefined): Promise<string> {
    const { revocationEndpoint } = await discover();
    // Without its refresh token the SDK revokes nothing itself: it has no deadline for that.
    const location = await runAuthRoute(config, '/logto/sign-out', {}, timeoutMs);
    if (refreshToken !== undefined) {
      const body = new URLSearchParams({ client_id: config.appId, token: refreshToken });
      await requester(revocationEndpoint, { method: 'POST', body }).catch((error: unknown) => {
        log.warn({ err: plainCauseOf(error) }, 'refresh token could not be revoked at Logto');
      });
    }
    return location;
  }

  return async function logtoSignOut(req, res) {
    const stored = await sessions.current(req, res);
    await sessions.signOut(req, res);
    count('signed_out');
    const redirectTo = await leaveLogto(stored?.tokens.refreshToken).catch((error: unknown) => {
      log.warn({ err: plainCauseOf(error) }, 'signed out here, but not at Logto');
      return `${config.baseUrl}/`;
    });
    if (req.accepts(['html', 'json']) === 'json') res.json({ redirectTo });
    else res.redirect(303, redirectTo);
  };
}
