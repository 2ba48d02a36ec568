import type { RequestHandler } from 'express';
import { NotFound } from '../errors.ts';

/**
 * No route took the request: 404 as a problem, never Express's HTML page. Mount it after every route.
 *
 * @example
 * app.use(notFound());
 */
export function notFound(): RequestHandler {
  // The route census knows a refusal by this name.
  return function notFound() {
    throw new NotFound();
  };
}
