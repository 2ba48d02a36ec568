import type { RequestHandler } from 'express';
import { InsufficientScope, PermissionDenied } from '../errors.ts';
import { callerOf, type Principal } from './principal.ts';

/**
 * Somebody has been authenticated, by token or by session.
 *
 * @throws (on a request) `Unauthenticated`.
 *
 * @example
 * app.get('/api/reports', session(), optionalAuth(), requireAuth(), requirePermission('view', 'reports'), listReports);
 */
export function requireAuth(): RequestHandler {
  return guardNamed('authenticationGuard', () => undefined);
}

/**
 * The token carries every one of these scopes. Scopes only narrow what Permit allows: never authorize a tenant
 * on scope alone, a plain Logto token carries the scopes of all the user's organizations.
 *
 * @throws (on a request) `Unauthenticated`, `InsufficientScope`.
 *
 * @example
 * app.post('/api/reports', bearerAuth(), requireScope('write:reports'), requirePermission('create', 'reports'), createReport);
 */
export function requireScope(...scopes: readonly [string, ...string[]]): RequestHandler {
  return guardNamed('scopeGuard', (principal) => {
    if (!scopes.every((scope) => principal.scopes.has(scope))) throw new InsufficientScope(scopes);
  });
}

/**
 * A person is calling; machine applications are refused like anybody without a grant.
 *
 * @throws (on a request) `Unauthenticated`, `PermissionDenied`.
 */
export function requireUser(): RequestHandler {
  return guardNamed('userGuard', (principal) => {
    if (principal.kind !== 'user') throw new PermissionDenied('a machine where a person is wanted');
  });
}

/**
 * A machine application is calling.
 *
 * @throws (on a request) `Unauthenticated`, `PermissionDenied`.
 */
export function requireMachine(): RequestHandler {
  return guardNamed('machineGuard', (principal) => {
    if (principal.kind !== 'machine') throw new PermissionDenied('a person where a machine is wanted');
  });
}

/** Stacks and the route census read the name. */
function guardNamed(name: string, require: (principal: Principal) => void): RequestHandler {
  const guard: RequestHandler = (req, _res, next) => {
    require(callerOf(req));
    next();
  };
  return Object.defineProperty(guard, 'name', { value: name });
}
