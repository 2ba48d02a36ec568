import { z } from 'zod';
import { ControlRefusal } from '../control/control-refusal.ts';
import { findOrganization, findUser } from './directory/find-subject.ts';
import { newId } from './directory/ids.ts';
import type { Issuer } from './issuer.ts';
import { presentedOrganization } from './management/presented.ts';
import type { DeliveryRecord } from './webhooks/delivery.ts';
import { interactionBody, interactionEvents, publicUser } from './webhooks/payloads.ts';
import { webhookFaultKinds } from './webhooks/webhook-faults.ts';
import type { WebhookBody } from './webhooks/webhooks.ts';

/** What `POST /_emulator/webhooks` takes. */
export const sendWebhookSchema = z.strictObject({
  /** Any name, also one that Logto does not have. */
  event: z.string().min(1),
  /** Members of the body; they win over what the emulator fills in. `null` takes a member away. */
  payload: z.record(z.string(), z.unknown()).optional(),
  /** Id, username or e-mail address of the user that the event is about. */
  user: z.string().optional(),
  /** Id or name of the organization. */
  organization: z.string().optional(),
  /** Id or name; the first hook otherwise, subscribed or not. */
  hook: z.string().optional(),
  fault: z.enum(webhookFaultKinds).optional(),
  /** For the fault `delay`. */
  delayMs: z.number().min(0).max(600_000).optional(),
});

export type SendWebhook = z.input<typeof sendWebhookSchema>;

/**
 * Sends any event, properly signed or with a fault.
 *
 * @throws ControlRefusal 404 when there is no hook to send to, or no such user or organization.
 */
export async function sendWebhook(issuer: Issuer, input: SendWebhook): Promise<DeliveryRecord[]> {
  const request = sendWebhookSchema.parse(input);
  const hooks = issuer.directory.hooks.all();
  const hook = request.hook
    ? hooks.find(({ id, name }) => id === request.hook || name === request.hook)
    : hooks[0];
  if (!hook) throw new ControlRefusal(404, 'unknown_hook', 'There is no such webhook to send to.');
  const body: Record<string, unknown> = { ...bodyOf(issuer, request), ...request.payload };
  for (const [name, value] of Object.entries(request.payload ?? {})) if (value === null) delete body[name];
  const fault = request.fault && { kind: request.fault, delayMs: request.delayMs ?? 1_000 };
  return issuer.webhooks.sendTo(hook, body as WebhookBody, fault);
}

function bodyOf(
  issuer: Issuer,
  { event, user: userName, organization: organizationName }: SendWebhook,
): WebhookBody {
  const user = userName === undefined ? undefined : findUser(issuer.directory, userName);
  if (userName !== undefined && !user)
    throw new ControlRefusal(404, 'unknown_user', `There is no user ${userName}.`);
  const organization =
    organizationName === undefined ? undefined : findOrganization(issuer.directory, organizationName);
  if (organizationName !== undefined && !organization)
    throw new ControlRefusal(404, 'unknown_organization', `There is no organization ${organizationName}.`);
  const createdAt = new Date(issuer.clock.now()).toISOString();
  const userAgent = 'emulator';
  const ip = '127.0.0.1';

  if (interactionEvents.includes(event) && user) {
    const interactionEvent =
      event === 'PostRegister' ? 'Register' : event === 'PostResetPassword' ? 'ForgotPassword' : 'SignIn';
    const application = issuer.directory.applications.find(({ type }) => type !== 'MachineToMachine');
    const context = { interactionEvent, sessionId: newId(21), userAgent, ip, application } as const;
    return { ...interactionBody(issuer, context, user), event };
  }
  if (event === 'Organization.Membership.Updated')
    return {
      event,
      createdAt,
      userAgent,
      ip,
      ...(organization ? { organizationId: organization.id } : {}),
      ...(user ? { addedUserIds: [user.id] } : {}),
    };
  if (user) return { event, createdAt, userAgent, ip, params: { userId: user.id }, data: publicUser(user) };
  if (organization) {
    const params = { id: organization.id };
    // A deletion has no data; a creation has no id in its path.
    if (event === 'Organization.Deleted') return { event, createdAt, userAgent, ip, params };
    const data = presentedOrganization(organization);
    return { event, createdAt, userAgent, ip, params: event === 'Organization.Created' ? {} : params, data };
  }
  return { event, createdAt, userAgent, ip };
}
