import { z } from 'zod';

/**
 * What Logto tells, as far as we read it. Unknown members pass: later versions add some.
 *
 * @see https://docs.logto.io/developers/webhooks/webhooks-request
 */

/** Logto's ids are 12 or 21 lower-case letters and digits; whatever else comes here must at least be a plain word. */
const id = z.string().regex(/^[\w-]{1,128}$/, 'is no id');
const text = z.string().nullish();
const envelope = z.looseObject({
  event: z.string().min(1).max(200),
  /** When Logto wrote it; the only time that the signature covers. */
  createdAt: z.iso.datetime({ offset: true }),
  hookId: z.string().optional(),
});
const params = z.looseObject({ userId: id.optional(), id: id.optional() }).nullish();

const user = z.looseObject({
  id,
  username: text,
  primaryEmail: text,
  name: text,
  isSuspended: z.boolean().optional(),
  /** Milliseconds since 1970. */
  updatedAt: z.number().optional(),
});

/** Sent by a person at the sign-in page: the user stands in `user`, and may be missing. */
const interactionEvent = envelope
  .extend({ event: z.enum(['PostRegister', 'PostSignIn']), userId: id, user: user.nullish() })
  .refine((e) => !e.user || e.user.id === e.userId, { path: ['user', 'id'], message: 'is not userId' });

/**
 * On the routes for custom data and profile `data` is that object alone, written by anybody: a user id there
 * would steer us to somebody else, so `params.userId` wins and `data` is then not looked at.
 */
const userEvent = z.union([
  envelope.extend({
    event: z.enum(['User.Created', 'User.Data.Updated', 'User.SuspensionStatus.Updated', 'User.Deleted']),
    params: z.looseObject({ userId: id }),
    data: z.looseObject({}).nullish(),
  }),
  envelope.extend({
    event: z.enum(['User.Created', 'User.Data.Updated', 'User.SuspensionStatus.Updated', 'User.Deleted']),
    params: z.looseObject({ userId: z.undefined().optional() }).nullish(),
    data: user,
  }),
]);

const organizationEvent = envelope
  .extend({
    event: z.enum(['Organization.Created', 'Organization.Data.Updated', 'Organization.Deleted']),
    params,
    data: z.looseObject({ id, name: text }).nullish(),
  })
  .refine((e) => e.params?.id ?? e.data?.id, { path: ['data', 'id'], message: 'no organization is named' });

/** The lists are left out when empty, and cut at 5,000 by Logto. */
const ids = z.array(id).max(5_000).optional();
const membershipEvent = envelope.extend({
  event: z.literal('Organization.Membership.Updated'),
  organizationId: id,
  params,
  addedUserIds: ids,
  removedUserIds: ids,
  addedApplicationIds: ids,
  removedApplicationIds: ids,
});

const roleEvent = envelope.extend({
  event: z.templateLiteral([
    z.enum(['Role', 'Scope', 'OrganizationRole', 'OrganizationScope']),
    '.',
    z.enum(['Created', 'Deleted', 'Data.Updated', 'Scopes.Updated']),
  ]),
});

const schemas = { interactionEvent, userEvent, organizationEvent, membershipEvent, roleEvent };
type Kind = keyof typeof schemas;

export type WebhookEvent =
  | ({ kind: 'interactionEvent' } & z.infer<typeof interactionEvent>)
  | ({ kind: 'userEvent' } & z.infer<typeof userEvent>)
  | ({ kind: 'organizationEvent' } & z.infer<typeof organizationEvent>)
  | ({ kind: 'membershipEvent' } & z.infer<typeof membershipEvent>)
  | ({ kind: 'roleEvent' } & z.infer<typeof roleEvent>)
  /** Nothing that we act on: unknown, or of no interest. */
  | ({ kind: 'other' } & z.infer<typeof envelope>)
  /** The Console's "Send test payload": signed with the real key, about nobody. */
  | ({ kind: 'test' } & z.infer<typeof envelope>);

function kindOf(event: string): Kind | 'other' {
  if (event === 'PostRegister' || event === 'PostSignIn') return 'interactionEvent';
  if (/^User\.(Created|Data\.Updated|SuspensionStatus\.Updated|Deleted)$/.test(event)) return 'userEvent';
  if (event === 'Organization.Membership.Updated') return 'membershipEvent';
  if (/^Organization\.(Created|Data\.Updated|Deleted)$/.test(event)) return 'organizationEvent';
  if (roleEvent.shape.event.safeParse(event).success) return 'roleEvent';
  return 'other';
}

const testPayload = z.union([
  z.looseObject({ userId: z.literal('fake-id') }),
  z.looseObject({ path: z.literal('/fake-path/:id'), params: z.looseObject({ id: z.literal('fake-id') }) }),
]);

/** Name and time of any delivery; both stand in every version. Throws `ZodError`. */
export function parseEnvelope(payload: unknown): { event: string; createdAt: Date } {
  const { event, createdAt } = envelope.parse(payload);
  return { event, createdAt: new Date(createdAt) };
}

/**
 * Types a delivery of Logto 1.41 or 1.42. An event that nobody knows is `other`, not an error.
 *
 * @throws ZodError when a known event lacks what it must have, or has it in the wrong type.
 *
 * @example
 * const event = parseEvent(JSON.parse(body));
 * if (event.kind === 'userEvent') console.log(subjectsOf(event)); // ['user:6pp5pbuzb7ee']
 */
export function parseEvent(payload: unknown): WebhookEvent {
  const common = envelope.parse(payload);
  if (testPayload.safeParse(payload).success) return { kind: 'test', ...common };
  const kind = kindOf(common.event);
  if (kind === 'other') return { kind, ...common };
  return { kind, ...schemas[kind].parse(payload) } as WebhookEvent;
}

/** Whom an event speaks of: `user:<id>`, `organization:<id>` and `roles`, each once. */
export function subjectsOf(event: WebhookEvent): string[] {
  switch (event.kind) {
    case 'interactionEvent':
      return [`user:${event.userId}`];
    case 'userEvent': {
      const userId = event.params?.userId ?? (event.data as { id?: string } | null | undefined)?.id;
      return userId ? [`user:${userId}`] : [];
    }
    case 'organizationEvent':
      return [`organization:${event.params?.id ?? event.data?.id}`];
    case 'membershipEvent': {
      // Older versions name a removed member in the path only.
      const users = [...(event.addedUserIds ?? []), ...(event.removedUserIds ?? []), event.params?.userId];
      const named = users.filter((user) => user !== undefined).map((user) => `user:${user}`);
      return [...new Set([`organization:${event.organizationId}`, ...named])];
    }
    case 'roleEvent':
      return ['roles'];
    default:
      return [];
  }
}

/** What takes rights away from somebody goes before what is waiting. */
export function isUrgent(event: WebhookEvent): boolean {
  return ['User.Deleted', 'User.SuspensionStatus.Updated', 'Organization.Deleted'].includes(event.event);
}
