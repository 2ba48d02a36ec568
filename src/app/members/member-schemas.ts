import { z } from 'zod';

/** As Permit keys them: Logto's user ids, and machine applications behind a prefix that no person can have. */
export const memberId = z.string().regex(/^(m2m\|)?[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/, 'is not a member id');

/** Whatever Permit has as the key of a user: others than Logto may have made some. */
export const memberKey = z.string().min(1).max(256);

export const member = z.object({
  id: z.string(),
  kind: z.enum(['user', 'machine']),
  roles: z.array(z.string()),
});
export const memberPage = z.object({ items: z.array(member), nextCursor: z.string().nullable() });
