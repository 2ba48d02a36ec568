import { z } from 'zod';

/** The parts of Logto's answers that we read. What lacks them is no answer: a deletion hangs on these lists. */
const id = z.string().min(1).max(128);
const text = z.string().nullish();

const roleRef = z.object({ id, name: z.string() });

export const userShape = z
  .object({
    id,
    username: text,
    primaryEmail: text,
    name: text,
    profile: z.object({ givenName: text, familyName: text }).nullish(),
    isSuspended: z.boolean(),
    updatedAt: z.number().optional(),
  })
  .transform((user) => ({
    id: user.id,
    username: user.username ?? null,
    primaryEmail: user.primaryEmail ?? null,
    name: user.name ?? null,
    profile: {
      ...(user.profile?.givenName ? { givenName: user.profile.givenName } : {}),
      ...(user.profile?.familyName ? { familyName: user.profile.familyName } : {}),
    },
    isSuspended: user.isSuspended,
    ...(user.updatedAt === undefined ? {} : { updatedAt: user.updatedAt }),
  }));

export const roleShape = z.object({
  id,
  name: z.string(),
  type: z.enum(['User', 'MachineToMachine']).default('User'),
});

export const organizationShape = z.object({ id, name: z.string() });

export const membershipShape = organizationShape.extend({ organizationRoles: z.array(roleRef).default([]) });

export const memberShape = z.intersection(
  userShape,
  z.object({ organizationRoles: z.array(roleRef).default([]) }),
);

export const idShape = z.object({ id });
export const applicationShape = z.object({ id, name: z.string().default('') });
export const memberApplicationShape = applicationShape.extend({
  organizationRoles: z.array(roleRef).default([]),
});

export const hookLogShape = z.object({
  id,
  createdAt: z.number(),
  payload: z.object({
    result: z.string(),
    hookRequest: z.object({ body: z.record(z.string(), z.unknown()) }).optional(),
  }),
});
