import type { Request } from 'express';
import { InvalidInput } from '../errors.ts';

/** Object ids that may stand in a question: no delimiter of the vendor's `type:key` text, nothing invisible. */
export const OBJECT_ID = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/;

/** Reads one validated path parameter; made by {@link pathParam} only. */
export type PathParam = { readonly parameter: string; read(req: Request): string };

/**
 * Takes an object's key from a path parameter. Bodies, queries and headers have no such reader on purpose.
 *
 * The reader throws `InvalidInput` (400) unless the value is one segment that matches {@link OBJECT_ID}.
 *
 * @example
 * requirePermission('view', 'reports', { key: pathParam('reportId'), load: (_req, id) => reports.find(id) })
 */
export function pathParam(name: string): PathParam {
  return Object.freeze({
    parameter: name,
    read(req: Request): string {
      const value: unknown = req.params[name];
      if (typeof value === 'string' && OBJECT_ID.test(value)) return value;
      throw new InvalidInput([{ path: name, message: 'is not a valid id' }]);
    },
  });
}
