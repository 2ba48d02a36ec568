import { z } from 'zod';

/** Postgres keeps no NUL in a text, and half a character would be stored as another one. */
const text = (longest: number) =>
  z
    .string()
    .max(longest)
    .refine((value) => !value.includes('\0'), 'must not contain the character U+0000')
    .refine((value) => value.isWellFormed(), 'must not contain half a surrogate pair');
const TITLE_LENGTH = 200;
const BODY_LENGTH = 50_000;
const title = text(TITLE_LENGTH).refine((value) => value.trim() !== '', 'must not be blank');
const body = text(BODY_LENGTH);

/** JSON may write every character in six bytes (`\u6f22`); the rest is for names, braces and white space. */
export const REPORT_BYTES = 6 * (TITLE_LENGTH + BODY_LENGTH) + 1_024;

/** Whatever else is sent is refused: status, owner and tenant are never the caller's to say. */
export const reportInput = z.strictObject({ title, body });
export const reportChange = z
  .strictObject({ title: title.optional(), body: body.optional() })
  .refine((change) => Object.keys(change).length > 0, 'must change title or body');

export const report = z.object({
  id: z.string(),
  title: z.string(),
  body: z.string(),
  status: z.enum(['draft', 'published']),
  ownerId: z.string(),
  tenant: z.string(),
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
});
export type Report = z.output<typeof report>;
export type ReportInput = z.output<typeof reportInput>;
export type ReportChange = z.output<typeof reportChange>;

export const pageQuery = z.strictObject({
  limit: z
    .string()
    .regex(/^\d{1,4}$/, 'must be a whole number')
    .transform(Number)
    .pipe(z.number().min(1).max(100))
    .optional(),
  cursor: z.string().max(512).optional(),
});

export const reportPage = z.object({ items: z.array(report), nextCursor: z.string().nullable() });
