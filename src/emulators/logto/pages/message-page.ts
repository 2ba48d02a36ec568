import { type Html, html } from './html.ts';

export function messagePage(title: string, text: string): Html {
  return html`<h1>${title}</h1>
<p>${text}</p>`;
}

/** Shown when a sign-in cannot be carried on: there is no address that the person could be sent to. */
export function consentErrorPage(code: string, text: string): Html {
  return html`<h1>Sign-in cannot go on</h1>
<p class="error" role="alert">${text}</p>
<p class="note">Code: <code>${code}</code>. Go back to the application and start again.</p>`;
}

export function signOutPage({ xsrf, applicationName }: { xsrf: string; applicationName?: string }): Html {
  return html`<h1>Sign out</h1>
<p>${applicationName === undefined ? 'Do you want to sign out?' : `Do you want to sign out of ${applicationName}?`}</p>
<form id="op.logoutForm" method="post" action="/oidc/session/end/confirm">
<input type="hidden" name="xsrf" value="${xsrf}">
<div class="actions">
<button name="logout" value="yes">Sign out</button>
<button class="plain">Stay signed in</button>
</div>
</form>`;
}
