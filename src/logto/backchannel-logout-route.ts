import type { RequestHandler } from 'express';
import type { Logger } from 'pino';
import { verifyLogoutToken } from './logout-token.ts';
import type { CountSessionEvent } from './session-metrics.ts';
import type { SessionRows } from './session-rows.ts';
import { LogoutTokenRejected } from './sign-in-failed.ts';
import type { TenantJwtVerifier } from './tenant-jwt.ts';

/**
 * Logto's own call when somebody's session there has ended: ends the sessions that belong to it here.
 *
 * @throws (on a request) LogoutTokenRejected, UpstreamUnavailable.
 * @see https://openid.net/specs/openid-connect-backchannel-1_0.html
 */
export function createBackchannelLogoutRoute(options: {
  rows: SessionRows;
  verifyTenantJwt: TenantJwtVerifier;
  log: Logger;
  count: CountSessionEvent;
}): RequestHandler {
  const { rows, verifyTenantJwt, log, count } = options;
  return async function backchannelLogout(req, res) {
    const token: unknown = req.body?.logout_token;
    if (typeof token !== 'string') throw new LogoutTokenRejected('no logout_token');
    const asked = await verifyLogoutToken(verifyTenantJwt, token);
    const ended = await rows.removeByLogoutToken(asked);
    if (ended === undefined) throw new LogoutTokenRejected('used before');
    count('ended_by_logto', ended);
    log.info({ sub: asked.sub, ended }, 'sessions ended by back-channel logout');
    res.status(200).end();
  };
}
