import { type Request, type Response, Router, urlencoded } from 'express';
import { newSecret } from '../directory/ids.ts';
import type { Issuer } from '../issuer.ts';
import { formTargetOf } from '../pages/form-targets.ts';
import { messagePage, signOutPage } from '../pages/message-page.ts';
import { sendPage } from '../pages/page.ts';
import { single } from './authorization-request.ts';
import { notifyBackchannels } from './backchannel-logout.ts';
import { OidcError } from './oidc-error.ts';
import { endSession, sessionOf } from './sessions.ts';
import { verifyIdTokenHint } from './verify-own-token.ts';

const LOGOUT_TTL_MS = 3_600_000;
/** As the vendor does; the page works without it. */
const CONFIRM = `document.querySelector('button[value="yes"]').click()`;

/** RP-initiated logout: `GET|POST /oidc/session/end` asks, its confirmation ends the session at the issuer. */
export function createEndSession(issuer: Issuer): Router {
  const form = urlencoded({ extended: false });
  return Router()
    .get('/session/end', (req, res) => askToSignOut(issuer, req, res, req.query))
    .post('/session/end', form, (req, res) => askToSignOut(issuer, req, res, req.body ?? {}))
    .post('/session/end/confirm', form, (req, res) => confirm(issuer, req, res));
}

async function askToSignOut(
  issuer: Issuer,
  req: Request,
  res: Response,
  parameters: Record<string, unknown>,
): Promise<void> {
  const hinted = await clientOfHint(issuer, single(parameters, 'id_token_hint'));
  const clientId = single(parameters, 'client_id') ?? hinted;
  if (hinted !== undefined && clientId !== hinted)
    throw new OidcError('invalid_request', 'client_id does not match the provided id_token_hint');
  const application = issuer.directory.applications.get(clientId);
  if (clientId !== undefined && !application)
    throw new OidcError('invalid_client', 'client is invalid', { iss: issuer.issuer });
  const redirectUri = single(parameters, 'post_logout_redirect_uri');
  if (redirectUri !== undefined) {
    if (!application) throw new OidcError('invalid_request', 'client_id or id_token_hint is needed');
    if (!isRegistered(application.postLogoutRedirectUris, redirectUri))
      throw new OidcError('invalid_request', 'post_logout_redirect_uri not registered');
  }
  const session = sessionOf(issuer, req);
  const state = single(parameters, 'state');
  const logout = issuer.issued.logouts.put({
    id: newSecret(48),
    ...(session ? { sessionId: session.id } : {}),
    ...(redirectUri === undefined ? {} : { redirectUri }),
    ...(state === undefined ? {} : { state }),
    expiresAt: issuer.clock.now() + LOGOUT_TTL_MS,
  });
  const content = signOutPage({
    xsrf: logout.id,
    ...(application ? { applicationName: application.name } : {}),
  });
  sendPage(res, 'Sign out', content, {
    formTargets: redirectUri === undefined ? [] : [formTargetOf(redirectUri)],
    script: CONFIRM,
  });
}

function confirm(issuer: Issuer, req: Request, res: Response): void {
  const body = (req.body ?? {}) as Record<string, unknown>;
  const logout = issuer.issued.live(issuer.issued.logouts, single(body, 'xsrf'));
  const session = sessionOf(issuer, req);
  // The form must have been made for this browser's session.
  if (!logout || logout.sessionId !== session?.id)
    throw new OidcError('invalid_request', 'xsrf token invalid or expired');
  issuer.issued.logouts.delete(logout.id);
  if (body.logout === 'yes' && session) {
    endSession(issuer, res, session);
    notifyBackchannels(issuer, session);
  }
  if (logout.redirectUri === undefined) {
    const text = body.logout === 'yes' ? 'You are signed out.' : 'You are still signed in.';
    sendPage(res, 'Sign out', messagePage('Sign out', text));
    return;
  }
  const url = new URL(logout.redirectUri);
  if (logout.state !== undefined) url.searchParams.set('state', logout.state);
  res.redirect(303, url.href);
}

/** Equal but for the slash of an empty path, which the vendor lets pass. */
function isRegistered(registered: readonly string[], asked: string): boolean {
  if (registered.includes(asked)) return true;
  if (!URL.canParse(asked)) return false;
  const { href, pathname, search, hash } = new URL(asked);
  return pathname === '/' && search === '' && hash === '' && registered.some((uri) => hrefOf(uri) === href);
}

const hrefOf = (uri: string) => (URL.canParse(uri) ? new URL(uri).href : uri);

/** The application that the hint was made for, whose registered addresses count; an old hint is as good. */
async function clientOfHint(issuer: Issuer, hint: string | undefined): Promise<string | undefined> {
  if (hint === undefined) return undefined;
  const claims = await verifyIdTokenHint(issuer, hint);
  if (typeof claims?.aud !== 'string')
    throw new OidcError('invalid_request', 'could not validate id_token_hint');
  return claims.aud;
}
