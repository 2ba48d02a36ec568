import type { z } from 'zod';
import { InvalidInput } from '../index.ts';

/**
 * Reads what a caller sent by its schema.
 *
 * @throws InvalidInput (400) with what is wrong and where it is.
 */
export function parseInput<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  place: string,
): z.output<Schema> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new InvalidInput(
    parsed.error.issues.flatMap(({ path, message, ...issue }) =>
      // One entry for each unknown member, under its own name.
      issue.code === 'unrecognized_keys'
        ? issue.keys.map((key) => ({ path: [...path, key].join('.'), message: 'is not a known field' }))
        : [{ path: path.join('.') || place, message }],
    ),
  );
}
