import { setTimeout as wait } from 'node:timers/promises';
import type { Request } from 'express';
import { newId } from '../directory/ids.ts';
import { hashPassword } from '../directory/passwords.ts';
import type { OrganizationRecord, UserRecord } from '../directory/records.ts';
import type { Issuer } from '../issuer.ts';
import type { InteractionRecord } from '../oidc/issued-state.ts';
import {
  type InteractionContext,
  interactionBody,
  interactionContext,
  interactionDataBody,
  publicUser,
} from '../webhooks/payloads.ts';

/** The browser waits so long at most for the receivers: they see the user before the application does. */
const HEAD_START_MS = 100;

const RESET = 'The emulator was reset meanwhile, and this account with it.';

type Fields = Record<string, string | undefined>;

/** Makes the account and sends what Logto sends: memberships first, `User.Created`, then `PostRegister`. */
export async function register(
  issuer: Issuer,
  req: Request,
  interaction: InteractionRecord,
  fields: Fields,
): Promise<{ user: UserRecord } | { error: string }> {
  const username = fields.username?.trim() || null;
  const email = fields.email?.trim() || null;
  const error = problemWith(issuer, username, email, fields.password);
  if (error !== undefined) return { error };

  const { clock, directory, webhooks } = issuer;
  const generation = issuer.generation();
  const application = directory.applications.get(interaction.request.clientId);
  const context = interactionContext(req, 'Register', interaction.id, application);
  const joined = organizationsFor(issuer, email);
  const createdAt = clock.now();
  const user = directory.users.put({
    id: newId(12),
    username,
    primaryEmail: email,
    primaryPhone: null,
    name: fields.name?.trim() || null,
    avatar: null,
    customData: {},
    identities: {},
    lastSignInAt: null,
    createdAt,
    updatedAt: createdAt,
    profile: {},
    applicationId: null,
    isSuspended: false,
    password: hashPassword(fields.password ?? ''),
    roleIds: directory.roles
      .all()
      .filter((role) => role.isDefault && role.type === 'User')
      .map((role) => role.id),
    organizations: Object.fromEntries(joined.map(({ id, jitRoleIds }) => [id, jitRoleIds])),
  });

  for (const { id } of joined) void webhooks.emit(membershipBody(issuer, context, id, user.id));
  const created = webhooks.emit(
    interactionDataBody(issuer, 'User.Created', context, { data: publicUser(user) }),
  );
  await Promise.race([created, wait(HEAD_START_MS)]);
  if (issuer.generation() !== generation) return { error: RESET };
  const signedIn =
    directory.users.patch(user.id, { lastSignInAt: clock.now(), updatedAt: clock.now() }) ?? user;
  const registered = webhooks.emit(interactionBody(issuer, context, signedIn));
  await Promise.race([registered, wait(HEAD_START_MS)]);
  if (issuer.generation() !== generation) return { error: RESET };
  return { user: signedIn };
}

function membershipBody(issuer: Issuer, context: InteractionContext, organizationId: string, userId: string) {
  return interactionDataBody(issuer, 'Organization.Membership.Updated', context, {
    organizationId,
    addedUserIds: [userId],
  });
}

function organizationsFor({ directory }: Issuer, email: string | null): OrganizationRecord[] {
  const domain = email?.split('@')[1]?.toLowerCase();
  if (domain === undefined) return [];
  return directory.organizations.all().filter((row) => row.jitEmailDomains.includes(domain));
}

function problemWith(
  { directory }: Issuer,
  username: string | null,
  email: string | null,
  password: string | undefined,
): string | undefined {
  if (username === null && email === null) return 'Enter a username or an e-mail address.';
  if (username !== null && !/^[A-Z_a-z]\w*$/.test(username))
    return 'A username has letters, digits and _, and does not start with a digit.';
  if (email !== null && !/^\S+@\S+\.\S+$/.test(email)) return 'This is not an e-mail address.';
  if (!password) return 'Enter a password.';
  if (username !== null && directory.users.find((user) => user.username === username))
    return 'This username is already in use.';
  if (
    email !== null &&
    directory.users.find((user) => user.primaryEmail?.toLowerCase() === email.toLowerCase())
  )
    return 'This email is associated with an existing account.';
  return undefined;
}
