import { type Request, type Response, Router, urlencoded } from 'express';
import { findUser } from '../directory/find-subject.ts';
import { verifyPassword } from '../directory/passwords.ts';
import type { UserRecord } from '../directory/records.ts';
import type { Issuer } from '../issuer.ts';
import type { InteractionRecord } from '../oidc/issued-state.ts';
import { OidcError } from '../oidc/oidc-error.ts';
import { answerErrorByRedirect } from '../oidc/redirect-answer.ts';
import { endInteraction, interactionOf, startSession } from '../oidc/sessions.ts';
import { interactionBody, interactionContext } from '../webhooks/payloads.ts';
import { formTargetOf } from './form-targets.ts';
import { consentErrorPage } from './message-page.ts';
import { sendPage } from './page.ts';
import { register } from './registration.ts';
import { type FormState, signInPage, signUpPage } from './sign-in-page.ts';

const WRONG = 'Incorrect account or password. Please check your input.';
const SUSPENDED = 'This account is suspended.';

/** The pages on which a person signs in or up, for the interaction that the browser's cookie names. */
export function createSignInRoutes(issuer: Issuer): Router {
  const router = Router();
  const form = urlencoded({ extended: false, limit: '20kb' });

  router.get('/sign-in', (req, res) =>
    withInteraction(issuer, req, res, (it) => showSignIn(issuer, res, it)),
  );
  router.get('/register', (req, res) =>
    withInteraction(issuer, req, res, (it) => showSignUp(issuer, res, it)),
  );
  router.get('/consent', (req, res) =>
    withInteraction(issuer, req, res, (it) => res.redirect(302, `/oidc/auth/${it.id}`)),
  );
  router.post('/sign-in', form, (req, res) =>
    withForm(issuer, req, res, async (interaction, fields) => {
      const picked = issuer.pickable.has(fields.pick ?? '')
        ? issuer.directory.users.get(fields.pick)
        : undefined;
      const user = picked ?? userOfPassword(issuer, fields);
      if (!user)
        return showSignIn(issuer, res, interaction, { status: 401, error: WRONG, ...identifierOf(fields) });
      if (user.isSuspended) return showSignIn(issuer, res, interaction, { status: 401, error: SUSPENDED });
      await finishSignIn(issuer, req, res, interaction, user);
    }),
  );
  router.post('/register', form, (req, res) =>
    withForm(issuer, req, res, async (interaction, fields) => {
      const result = await register(issuer, req, interaction, fields);
      if ('error' in result) return showSignUp(issuer, res, interaction, { ...result, fields });
      continueWith(issuer, req, res, interaction, result.user);
    }),
  );
  router.post('/sign-in/cancel', form, (req, res) =>
    withForm(issuer, req, res, async (interaction) => {
      endInteraction(issuer, res, interaction);
      const refusal = new OidcError('access_denied', 'End-User aborted interaction');
      answerErrorByRedirect(res, issuer.issuer, interaction.request, refusal);
    }),
  );
  return router;
}

type Fields = Record<string, string | undefined>;

function withInteraction(
  issuer: Issuer,
  req: Request,
  res: Response,
  act: (interaction: InteractionRecord) => void,
): void {
  const interaction = interactionOf(issuer, req);
  if (interaction) {
    act(interaction);
    return;
  }
  const text = 'There is no sign-in under way in this browser, or it has expired.';
  sendPage(res, 'Sign-in cannot go on', consentErrorPage('session.not_found', text), { status: 400 });
}

/** A form counts only with the token of this browser's interaction: another page cannot sign anybody in. */
async function withForm(
  issuer: Issuer,
  req: Request,
  res: Response,
  act: (interaction: InteractionRecord, fields: Fields) => Promise<void>,
): Promise<void> {
  const interaction = interactionOf(issuer, req);
  const fields = textFieldsOf(req.body);
  if (interaction && fields.csrf === interaction.csrf) return act(interaction, fields);
  const text = 'This form does not belong to a sign-in of this browser, or it has expired.';
  sendPage(res, 'Sign-in cannot go on', consentErrorPage('session.not_found', text), { status: 400 });
}

/** A field that comes twice is a list: none that a form of ours sends. */
function textFieldsOf(body: unknown): Fields {
  return Object.fromEntries(Object.entries(body ?? {}).filter(([, value]) => typeof value === 'string'));
}

function userOfPassword(issuer: Issuer, { identifier, password }: Fields): UserRecord | undefined {
  if (!identifier || !password) return undefined;
  const user = findUser(issuer.directory, identifier);
  // An id is no way to sign in.
  if (!user || user.id === identifier) return undefined;
  return verifyPassword(password, user.password) ? user : undefined;
}

async function finishSignIn(
  issuer: Issuer,
  req: Request,
  res: Response,
  interaction: InteractionRecord,
  user: UserRecord,
): Promise<void> {
  const application = issuer.directory.applications.get(interaction.request.clientId);
  const signedIn = issuer.directory.users.patch(user.id, {
    lastSignInAt: issuer.clock.now(),
    updatedAt: issuer.clock.now(),
  });
  continueWith(issuer, req, res, interaction, user);
  const context = interactionContext(req, 'SignIn', interaction.id, application);
  void issuer.webhooks.emit(interactionBody(issuer, context, signedIn ?? user));
}

function continueWith(
  issuer: Issuer,
  req: Request,
  res: Response,
  interaction: InteractionRecord,
  user: UserRecord,
): void {
  startSession(issuer, req, res, user.id);
  issuer.issued.interactions.patch(interaction.id, { userId: user.id });
  res.redirect(303, `/oidc/auth/${interaction.id}`);
}

function showSignIn(
  issuer: Issuer,
  res: Response,
  interaction: InteractionRecord,
  options: { status?: number; error?: string; identifier?: string } = {},
): void {
  const { status = 200, ...rest } = options;
  const people = issuer.directory.users.all().filter((user) => issuer.pickable.has(user.id));
  const identifier = rest.identifier ?? interaction.request.loginHint;
  const state = { ...formState(issuer, interaction), ...rest, ...(identifier ? { identifier } : {}) };
  sendPage(res, 'Sign in', signInPage(state, people), { status, formTargets: targets(interaction) });
}

function showSignUp(
  issuer: Issuer,
  res: Response,
  interaction: InteractionRecord,
  { error, fields = {} }: { error?: string; fields?: Fields } = {},
): void {
  const state = {
    ...formState(issuer, interaction),
    ...(error === undefined ? {} : { error }),
    ...(fields.username ? { identifier: fields.username } : {}),
    ...(fields.email ? { email: fields.email } : {}),
    ...(fields.name ? { name: fields.name } : {}),
  };
  const status = error === undefined ? 200 : 422;
  sendPage(res, 'Create an account', signUpPage(state), { status, formTargets: targets(interaction) });
}

function formState({ directory }: Issuer, interaction: InteractionRecord): FormState {
  const application = directory.applications.get(interaction.request.clientId);
  return { csrf: interaction.csrf, applicationName: application?.name ?? interaction.request.clientId };
}

const targets = (interaction: InteractionRecord): string[] => [formTargetOf(interaction.request.redirectUri)];

const identifierOf = ({ identifier }: Fields) => (identifier === undefined ? {} : { identifier });
