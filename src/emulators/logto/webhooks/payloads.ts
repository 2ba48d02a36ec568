import type { Request } from 'express';
import type { ApplicationRecord, UserRecord } from '../directory/records.ts';
import type { Issuer, LogtoVersion } from '../issuer.ts';
import type { WebhookBody } from './webhooks.ts';

/** Every event that a hook can subscribe to, in the order of Logto's own list. */
export const hookEvents = [
  'PostRegister',
  'PostSignIn',
  'PostSignInAdaptiveMfaTriggered',
  'PostResetPassword',
  'User.Created',
  'User.Deleted',
  'User.Data.Updated',
  'User.SuspensionStatus.Updated',
  'Role.Created',
  'Role.Deleted',
  'Role.Data.Updated',
  'Role.Scopes.Updated',
  'Scope.Created',
  'Scope.Deleted',
  'Scope.Data.Updated',
  'Organization.Created',
  'Organization.Deleted',
  'Organization.Data.Updated',
  'Organization.Membership.Updated',
  'OrganizationRole.Created',
  'OrganizationRole.Deleted',
  'OrganizationRole.Data.Updated',
  'OrganizationRole.Scopes.Updated',
  'OrganizationScope.Created',
  'OrganizationScope.Deleted',
  'OrganizationScope.Data.Updated',
  'Identifier.Lockout',
  'Message.RateLimited',
  'Grant.LimitExceeded',
] as const;

/** The last one came with 1.42. */
export const hookEventsOf = (version: LogtoVersion): readonly string[] =>
  version === '1.42' ? hookEvents : hookEvents.slice(0, -1);

export const interactionEvents: readonly string[] = hookEvents.slice(0, 4);

/** The user as webhooks and the Management API show it: never a password, roles or organizations. */
export function publicUser(user: UserRecord) {
  return {
    id: user.id,
    username: user.username,
    primaryEmail: user.primaryEmail,
    primaryPhone: user.primaryPhone,
    name: user.name,
    avatar: user.avatar,
    customData: user.customData,
    identities: user.identities,
    lastSignInAt: user.lastSignInAt,
    createdAt: user.createdAt,
    updatedAt: user.updatedAt,
    profile: user.profile,
    applicationId: user.applicationId,
    isSuspended: user.isSuspended,
  };
}

export type InteractionContext = {
  interactionEvent: 'Register' | 'SignIn' | 'ForgotPassword';
  sessionId: string;
  userAgent: string;
  ip: string;
  application: ApplicationRecord | undefined;
};

export function interactionContext(
  req: Request,
  interactionEvent: InteractionContext['interactionEvent'],
  sessionId: string,
  application: ApplicationRecord | undefined,
): InteractionContext {
  return { interactionEvent, sessionId, userAgent: userAgentOf(req), ip: addressOf(req), application };
}

const EVENT_OF = {
  Register: 'PostRegister',
  SignIn: 'PostSignIn',
  ForgotPassword: 'PostResetPassword',
} as const;

/** `PostRegister`, `PostSignIn`, `PostResetPassword`: the person stands in `user`, the address in `userIp`. */
export function interactionBody(
  { clock }: Pick<Issuer, 'clock'>,
  context: InteractionContext,
  user: UserRecord,
): WebhookBody {
  return {
    event: EVENT_OF[context.interactionEvent],
    interactionEvent: context.interactionEvent,
    createdAt: new Date(clock.now()).toISOString(),
    sessionId: context.sessionId,
    userAgent: context.userAgent,
    userId: user.id,
    userIp: context.ip,
    user: publicUser(user),
    ...(context.application ? { application: publicApplication(context.application) } : {}),
  };
}

/** A data event that happens while somebody signs in or up: the entity stands in `data`. */
export function interactionDataBody(
  { clock }: Pick<Issuer, 'clock'>,
  event: string,
  context: InteractionContext,
  rest: Record<string, unknown>,
): WebhookBody {
  return {
    event,
    createdAt: new Date(clock.now()).toISOString(),
    interactionEvent: context.interactionEvent,
    userAgent: context.userAgent,
    ...(context.application ? { applicationId: context.application.id } : {}),
    sessionId: context.sessionId,
    ip: context.ip,
    ...(context.application ? { application: publicApplication(context.application) } : {}),
    ...rest,
  };
}

export const userAgentOf = (req: Request): string => req.headers['user-agent'] ?? '';

export const addressOf = (req: Request): string => (req.socket.remoteAddress ?? '').replace(/^::ffff:/, '');

function publicApplication({ id, type, name, description }: ApplicationRecord) {
  return { id, type, name, description };
}
