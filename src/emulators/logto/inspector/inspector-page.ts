import type { Issuer } from '../issuer.ts';
import { type Html, html } from '../pages/html.ts';
import type { DeliveryRecord } from '../webhooks/delivery.ts';

const SHOWN = 50;

/** What the emulator holds, for a person to look at; only deliveries can be acted on. */
export function inspectorPage(issuer: Issuer, csrf: string): Html {
  const { url, version, directory, issued, keys, issuedLog, webhooks, clock } = issuer;
  const deliveries = webhooks.newestFirst();
  const nameOf = (id: string) =>
    directory.users.get(id)?.username ?? directory.users.get(id)?.primaryEmail ?? id;
  return html`<h1>Logto emulator</h1>
<p class="note">${url}, as Logto ${version}; its clock shows ${time(clock.now())}. For development only.</p>
<nav aria-label="Sections"><ul>
<li><a href="#users">Users</a></li><li><a href="#organizations">Organizations</a></li><li><a href="#sessions">Sessions</a></li>
<li><a href="#tokens">Tokens issued</a></li><li><a href="#deliveries">Deliveries</a></li><li><a href="#keys">Keys</a></li>
<li><a href="/_emulator/state">Everything as JSON</a></li><li><a href="/_emulator/requests">Requests as JSON</a></li>
</ul></nav>
${section('users', `Users (${directory.users.count()})`, [
  ['Id', 'Username', 'E-mail', 'Name', 'Roles', 'Organizations', 'State'],
  ...directory.users
    .all()
    .slice(-SHOWN)
    .map((user) => [
      code(user.id),
      user.username,
      user.primaryEmail,
      user.name,
      user.roleIds.map((id) => directory.roles.get(id)?.name ?? id).join(', '),
      membershipsOf(issuer, user.organizations),
      user.isSuspended ? 'suspended' : 'active',
    ]),
])}
${section('organizations', `Organizations (${directory.organizations.count()})`, [
  ['Id', 'Name', 'Members'],
  ...directory.organizations
    .all()
    .slice(-SHOWN)
    .map((organization) => [
      code(organization.id),
      organization.name,
      directory.users.all().filter((user) => user.organizations[organization.id]).length,
    ]),
])}
${section('sessions', `Sessions (${issued.sessions.count()})`, [
  ['User', 'Applications', 'Since', 'Until'],
  ...issued.sessions
    .all()
    .slice(-SHOWN)
    .map((session) => [
      nameOf(session.userId),
      Object.keys(session.sids)
        .map((id) => directory.applications.get(id)?.name ?? id)
        .join(', '),
      time(session.createdAt),
      time(session.expiresAt),
    ]),
])}
${section('tokens', 'Tokens issued', [
  ['At', 'Kind', 'By', 'Subject', 'Audience', 'Organization', 'Scope'],
  ...issuedLog
    .newestFirst()
    .slice(0, SHOWN)
    .map((token) => [
      time(Date.parse(token.at)),
      token.kind,
      token.via,
      nameOf(token.subject),
      token.audience,
      token.organizationId,
      token.scope,
    ]),
])}
${section('deliveries', `Deliveries (${deliveries.length})`, [
  ['At', 'Event', 'To', 'Answer', 'Payload', 'Again'],
  ...deliveries.slice(0, SHOWN).map((delivery) => deliveryRow(delivery, csrf)),
])}
${section('keys', 'Keys', [
  ['Id', 'Kind', 'State', 'Key id'],
  ...keys
    .list()
    .map((key, index) => [
      code(key.id),
      key.signingKeyAlgorithm,
      key.status,
      code(keys.all()[index]?.kid ?? ''),
    ]),
])}`;
}

function section(id: string, title: string, [head = [], ...rows]: unknown[][]): Html {
  const body =
    rows.length === 0
      ? html`<p class="note">None yet.</p>`
      : html`<div class="scroll" tabindex="0" role="region" aria-labelledby="${id}"><table>
<thead><tr>${head.map((cell) => html`<th scope="col">${cell}</th>`)}</tr></thead>
<tbody>
${rows.map(
  (row) => html`<tr>${row.map((cell) => html`<td>${cell}</td>`)}</tr>
`,
)}</tbody></table></div>`;
  return html`<section><h2 id="${id}">${title}</h2>
${body}</section>
`;
}

function deliveryRow(delivery: DeliveryRecord, csrf: string): unknown[] {
  return [
    time(delivery.createdAt),
    html`${delivery.event}${delivery.fault !== undefined && html` <span class="note">(${delivery.fault})</span>`}`,
    code(delivery.url),
    answerOf(delivery),
    html`<details><summary>${delivery.rawBody.length} characters</summary><code>${delivery.rawBody}</code></details>`,
    html`<form method="post" action="/deliveries/${delivery.id}/replay"><input type="hidden" name="csrf" value="${csrf}"><button class="plain" aria-label="Send ${delivery.event} of ${time(delivery.createdAt)} again">Replay</button></form>`,
  ];
}

function answerOf({ status, attempts }: DeliveryRecord): string {
  const last = attempts.at(-1);
  if (!last) return status;
  const answer = last.error ?? `${last.status}`;
  const times = attempts.length > 1 ? `, ${attempts.length} attempts` : '';
  return `${status}: ${answer} after ${last.durationMs} ms${times}`;
}

function membershipsOf({ directory }: Issuer, organizations: Record<string, string[]>): string {
  return Object.entries(organizations)
    .map(([id, roleIds]) => {
      const roles = roleIds.map((roleId) => directory.organizationRoles.get(roleId)?.name ?? roleId);
      return `${directory.organizations.get(id)?.name ?? id} (${roles.join(', ') || 'no role'})`;
    })
    .join('; ');
}

const time = (ms: number): string => new Date(ms).toISOString().replace('T', ' ').slice(0, 19);
const code = (text: string): Html => html`<code>${text}</code>`;
