import type { UserRecord } from '../directory/records.ts';
import { type Html, html } from './html.ts';

export type FormState = { csrf: string; applicationName: string; error?: string; identifier?: string };

/** The picker of known people, and the form for everybody. */
export function signInPage(state: FormState, people: readonly UserRecord[]): Html {
  return html`<h1>Sign in</h1>
<p class="note">to ${state.applicationName}. This is the Logto emulator, for development only.</p>
${errorOf(state)}
${people.length > 0 && picker(state, people)}
<form method="post" action="/sign-in">
${hidden(state)}
<fieldset>
<legend>Username or e-mail, and password</legend>
<label for="identifier">Username or e-mail</label>
<input id="identifier" name="identifier" autocomplete="username" value="${state.identifier}" required>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required>
<div class="actions"><button>Sign in</button></div>
</fieldset>
</form>
<div class="actions">
<a href="/register">Create an account</a>
${cancelForm(state)}
</div>`;
}

export function signUpPage(state: FormState & { email?: string; name?: string }): Html {
  return html`<h1>Create an account</h1>
<p class="note">for ${state.applicationName}. This is the Logto emulator, for development only.</p>
${errorOf(state)}
<form method="post" action="/register">
${hidden(state)}
<fieldset>
<legend>Your account</legend>
<label for="username">Username</label>
<input id="username" name="username" autocomplete="username" pattern="[A-Za-z_][A-Za-z0-9_]*" title="Letters, digits and _, not starting with a digit" value="${state.identifier}">
<label for="email">E-mail</label>
<input id="email" name="email" type="email" autocomplete="email" value="${state.email}">
<label for="name">Name (optional)</label>
<input id="name" name="name" autocomplete="name" value="${state.name}">
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="new-password" required>
<div class="actions"><button>Create account</button></div>
</fieldset>
</form>
<div class="actions">
<a href="/sign-in">I have an account</a>
${cancelForm(state)}
</div>`;
}

function picker(state: FormState, people: readonly UserRecord[]): Html {
  const rows = people.map(
    (user) => html`<button class="plain row" name="pick" value="${user.id}">
<span>${user.name ?? user.username ?? user.id}</span><span>${user.isSuspended ? 'suspended' : user.primaryEmail}</span></button>
`,
  );
  return html`<form method="post" action="/sign-in">
${hidden(state)}
<fieldset>
<legend>Continue as</legend>
${rows}
</fieldset>
</form>`;
}

function cancelForm(state: FormState): Html {
  return html`<form method="post" action="/sign-in/cancel">${hidden(state)}<button class="plain">Cancel</button></form>`;
}

function hidden({ csrf }: FormState): Html {
  return html`<input type="hidden" name="csrf" value="${csrf}">`;
}

function errorOf({ error }: FormState): Html | false {
  return error !== undefined && html`<p class="error" role="alert">${error}</p>`;
}
