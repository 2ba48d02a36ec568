import { z } from 'zod';
import type { UserRecord } from '../directory/records.ts';
import type { Directory } from '../directory/tables.ts';
import { ManagementError } from './management-error.ts';

const object = z.record(z.string(), z.unknown());

/** What users are made of and changed with; everything else in a body is ignored, as at the vendor. */
export const userInput = z.object({
  username: z
    .string()
    .regex(/^[A-Z_a-z]\w*$/)
    .nullish(),
  primaryEmail: z
    .string()
    .regex(/^\S+@\S+\.\S+$/)
    .or(z.literal(''))
    .nullish(),
  primaryPhone: z.string().regex(/^\d*$/).nullish(),
  name: z.string().max(128).nullish(),
  avatar: z.string().nullish(),
  customData: object.optional(),
  profile: object.optional(),
});

export const newUserInput = userInput.extend({
  password: z.string().min(1).optional(),
  isSuspended: z.boolean().optional(),
});

export type UserInput = z.output<typeof userInput>;

/** The columns that the input names; empty text means none. */
export function userColumns(input: UserInput): Partial<UserRecord> {
  const columns: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(input)) {
    if (key === 'password' || key === 'isSuspended' || value === undefined) continue;
    columns[key] = value === '' ? null : value;
  }
  return columns as Partial<UserRecord>;
}

/** @throws ManagementError 422 when the name or address belongs to another user. */
export function requireFree({ users }: Directory, columns: Partial<UserRecord>, self?: string): void {
  const taken = (matches: (user: UserRecord) => boolean) =>
    users.find((user) => user.id !== self && matches(user)) !== undefined;
  const { username, primaryEmail, primaryPhone } = columns;
  if (username && taken((user) => user.username === username))
    throw new ManagementError(422, 'user.username_already_in_use', 'This username is already in use.');
  if (primaryEmail && taken((user) => user.primaryEmail?.toLowerCase() === primaryEmail.toLowerCase()))
    throw new ManagementError(
      422,
      'user.email_already_in_use',
      'This email is associated with an existing account.',
    );
  if (primaryPhone && taken((user) => user.primaryPhone === primaryPhone))
    throw new ManagementError(
      422,
      'user.phone_already_in_use',
      'This phone number is associated with an existing account.',
    );
}
