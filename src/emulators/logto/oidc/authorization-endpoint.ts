import { type Request, type Response, Router, urlencoded } from 'express';
import { newSecret } from '../directory/ids.ts';
import type { UserRecord } from '../directory/records.ts';
import type { Issuer } from '../issuer.ts';
import { consentErrorPage } from '../pages/message-page.ts';
import { sendPage } from '../pages/page.ts';
import {
  parseAuthorizationRequest,
  requireTrustedRedirect,
  responseModeOf,
  single,
} from './authorization-request.ts';
import { authorizedResourceScopes, authorizedScopes } from './granted-scopes.ts';
import type { AuthorizationRequest, SessionRecord } from './issued-state.ts';
import { OidcError } from './oidc-error.ts';
import { answerByRedirect, answerErrorByRedirect } from './redirect-answer.ts';
import { consentedTo, hintedUserIdOf, lacksConsent, mustSignInAgain } from './session-checks.ts';
import { endInteraction, interactionOf, sessionOf, sidOf, startInteraction } from './sessions.ts';

const CODE_TTL_MS = 60_000;

/** `GET|POST /oidc/auth`, and `/oidc/auth/:id`, where it goes on after the sign-in page. */
export function createAuthorizationEndpoint(issuer: Issuer): Router {
  const router = Router();
  router.get('/auth', (req, res) => authorize(issuer, req, res, req.query));
  router.post('/auth', urlencoded({ extended: false }), (req, res) =>
    authorize(issuer, req, res, req.body ?? {}),
  );
  router.get('/auth/:id', (req, res) => resume(issuer, req, res));
  return router;
}

async function authorize(
  issuer: Issuer,
  req: Request,
  res: Response,
  parameters: Record<string, unknown>,
): Promise<void> {
  issuer.issued.sweep();
  const trusted = requireTrustedRedirect(issuer, parameters);
  const state = single(parameters, 'state');
  const target = {
    redirectUri: trusted.redirectUri,
    responseMode: responseModeOf(parameters),
    ...(state === undefined ? {} : { state }),
  };
  let request: AuthorizationRequest;
  try {
    request = parseAuthorizationRequest(issuer, parameters, trusted);
    const hintedUserId = await hintedUserIdOf(issuer, single(parameters, 'id_token_hint'));
    if (hintedUserId !== undefined) request.hintedUserId = hintedUserId;
  } catch (error) {
    answerErrorByRedirect(res, issuer.issuer, target, error);
    return;
  }

  const session = sessionOf(issuer, req);
  const user = issuer.directory.users.get(session?.userId);
  const silent = request.prompts.includes('none');
  if (session && user && !mustSignInAgain(issuer, request, session, user)) {
    const resourceScopes = authorizedResourceScopes(issuer.directory, user, request);
    if (silent && lacksConsent(session, request.clientId, consentedTo(request.scopes, resourceScopes))) {
      const refusal = new OidcError('consent_required', 'End-User consent is required');
      answerErrorByRedirect(res, issuer.issuer, target, refusal);
      return;
    }
    sendCode(issuer, res, request, session, user);
    return;
  }
  if (silent) {
    const refusal = new OidcError('login_required', 'End-User authentication is required');
    answerErrorByRedirect(res, issuer.issuer, target, refusal);
    return;
  }

  startInteraction(issuer, res, request);
  const screen = request.firstScreen === 'register' ? 'register' : 'sign-in';
  res.redirect(303, `/${screen}?app_id=${encodeURIComponent(request.clientId)}`);
}

function resume(issuer: Issuer, req: Request, res: Response): void {
  const interaction = interactionOf(issuer, req);
  const session = sessionOf(issuer, req);
  const signedIn = interaction && interaction.id === req.params.id && interaction.userId;
  if (!signedIn || !session || session.userId !== interaction.userId) {
    const text = 'This sign-in has expired, was finished already, or was started in another browser.';
    sendPage(res, 'Sign-in cannot go on', consentErrorPage('session.not_found', text), { status: 400 });
    return;
  }
  const user = issuer.directory.users.get(session.userId);
  if (!user || user.isSuspended) {
    endInteraction(issuer, res, interaction);
    const text = user ? 'This account is suspended.' : 'This account does not exist any more.';
    sendPage(res, 'Sign-in cannot go on', consentErrorPage('user.suspended', text), { status: 401 });
    return;
  }
  endInteraction(issuer, res, interaction);
  sendCode(issuer, res, interaction.request, session, user);
}

/** Consent is given for the person, as Logto does for applications of the own tenant. */
function sendCode(
  issuer: Issuer,
  res: Response,
  request: AuthorizationRequest,
  session: SessionRecord,
  user: UserRecord,
): void {
  const now = issuer.clock.now();
  const application = issuer.directory.applications.get(request.clientId);
  const resourceScopes = authorizedResourceScopes(issuer.directory, user, request);
  const grant = issuer.issued.startGrant({
    userId: session.userId,
    clientId: request.clientId,
    resourceScopes,
    sessionUid: session.uid,
    persistsLogout: request.scopes.includes('offline_access'),
  });
  const consents = { ...issuer.issued.sessions.get(session.id)?.consents };
  const given = consentedTo(request.scopes, resourceScopes);
  consents[request.clientId] = [...new Set([...(consents[request.clientId] ?? []), ...given])];
  issuer.issued.sessions.patch(session.id, { consents });
  const sid = sidOf(issuer, session, request.clientId);
  // The application at which somebody signed in first; webhooks of that sign-in do not show it yet.
  if (user.applicationId === null) issuer.directory.users.put({ ...user, applicationId: request.clientId });
  const code = issuer.issued.codes.put({
    id: newSecret(43),
    grantId: grant.id,
    request: { ...request, scopes: authorizedScopes(request.scopes, resourceScopes) },
    userId: session.userId,
    ...(application?.backchannelLogoutSessionRequired ? { sid } : {}),
    expiresAt: now + CODE_TTL_MS,
  });
  answerByRedirect(res, issuer.issuer, request, { code: code.id });
}
