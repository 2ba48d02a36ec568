import type { Response } from 'express';
import { formTargetOf } from '../pages/form-targets.ts';
import { html } from '../pages/html.ts';
import { sendPage } from '../pages/page.ts';
import type { AuthorizationRequest } from './issued-state.ts';
import { OidcError } from './oidc-error.ts';

type Target = Pick<AuthorizationRequest, 'redirectUri' | 'responseMode' | 'state'>;

const SUBMIT = 'document.forms[0].submit()';

/** Sends the answer to the registered address, with `state` and `iss`, in the way that was asked for. */
export function answerByRedirect(
  res: Response,
  issuer: string,
  { redirectUri, responseMode, state }: Target,
  answer: Record<string, string>,
): void {
  const all = { ...answer, ...(state === undefined ? {} : { state }), iss: issuer };
  if (responseMode === 'form_post') {
    const fields = Object.entries(all).map(
      ([name, value]) => html`<input type="hidden" name="${name}" value="${value}">
`,
    );
    const form = html`<form method="post" action="${redirectUri}">${fields}<button>Continue</button></form>`;
    sendPage(res, 'Continue', form, { formTargets: [formTargetOf(redirectUri)], script: SUBMIT });
    return;
  }
  const url = new URL(redirectUri);
  if (responseMode === 'fragment') url.hash = new URLSearchParams(all).toString();
  else for (const [name, value] of Object.entries(all)) url.searchParams.set(name, value);
  res.set('Cache-Control', 'no-store').redirect(303, url.href);
}

export function answerErrorByRedirect(res: Response, issuer: string, target: Target, error: unknown): void {
  if (!(error instanceof OidcError)) throw error;
  answerByRedirect(res, issuer, target, { error: error.error, error_description: error.description });
}
