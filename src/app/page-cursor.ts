import type { z } from 'zod';
import { InvalidInput } from '../index.ts';

/**
 * Where the next page of a list begins, as text that clients hand back and do not read. It holds a position and
 * no right: what a page shows is decided by the guard of each request.
 */
export function createCursor<Position>(schema: z.ZodType<Position>) {
  return {
    write: (position: Position): string => Buffer.from(JSON.stringify(position)).toString('base64url'),

    /** @throws InvalidInput for anything that `write` has not made. */
    read(text: string | undefined): Position | undefined {
      if (text === undefined) return undefined;
      const parsed = schema.safeParse(parseJson(Buffer.from(text, 'base64url').toString()));
      if (parsed.success && /^[A-Za-z0-9_-]+$/.test(text)) return parsed.data;
      throw new InvalidInput([{ path: 'cursor', message: 'is not a cursor of this list' }]);
    },
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
