import type { IncomingMessage } from 'node:http';
import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { callerOf, type Principal } from '../auth/principal.ts';
import { ConfigurationError, PermissionDenied } from '../errors.ts';
import type { DecisionTrace, PermissionChecker } from './checker.ts';
import { createDecisionAudit } from './decision-audit.ts';
import type { ActionOf, ResourceOf } from './define-policy.ts';
import { type GuardMark, markGuard, markPassed } from './guard-marks.ts';
import type { PolicyInput } from './policy.ts';
import { questionOf } from './question.ts';
import type { GuardOptions } from './require-permission.ts';

/** Which objects of a type a caller may act on in the caller's tenant; meant to become a `where` clause. */
export type PermittedScope =
  | { readonly kind: 'all' }
  | { readonly kind: 'none' }
  | { readonly kind: 'keys'; readonly keys: readonly string[] };

const ALL: PermittedScope = Object.freeze({ kind: 'all' });
const NONE: PermittedScope = Object.freeze({ kind: 'none' });
const scopes = new WeakMap<IncomingMessage, PermittedScope>();

export type PermittedScopes<P extends PolicyInput> = {
  /**
   * Asks which objects the caller may act on: a role in the tenant means all of them, else the instance roles
   * decide. Throws `Unauthenticated`, or `UpstreamUnavailable` when the PDP cannot answer.
   */
  permittedScope<R extends ResourceOf<P>>(
    req: IncomingMessage,
    action: ActionOf<P, R>,
    resource: R,
  ): Promise<PermittedScope>;
  /** The guard of a list: 403 when the scope is empty; the handler reads it with {@link permittedScopeOf}. */
  requirePermittedScope<R extends ResourceOf<P>>(action: ActionOf<P, R>, resource: R): RequestHandler;
};

/**
 * Lists that show what the caller may see, and no more: pages stay full, because the database narrows them.
 *
 * @example
 * router.get('/reports', requirePermittedScope('view', 'reports'), async (req, res) => {
 *   const scope = permittedScopeOf(req);
 *   const rows = scope.kind === 'keys' ? await byKeys(scope.keys) : await everything();
 *   res.json({ items: rows });
 * });
 */
export function createPermittedScope<P extends PolicyInput>(options: GuardOptions<P>): PermittedScopes<P> {
  const { policy, checker, provision } = options;
  const audit = createDecisionAudit(options);

  async function permittedScope(req: IncomingMessage, action: string, resource: string) {
    return scopeOf(checker, callerOf(req), action, resource, {});
  }

  function requirePermittedScope(action: string, resource: string): RequestHandler {
    const known = Object.hasOwn(policy.resources, resource) ? policy.resources[resource] : undefined;
    if (!known?.actions.includes(action)) {
      throw new ConfigurationError([`requirePermittedScope: the policy has no "${resource}:${action}"`]);
    }
    const mark: GuardMark = { kind: 'permission', action, resource, tenant: 'current' };

    async function audited(principal: Principal, res: Response, fresh: boolean): Promise<PermittedScope> {
      const decision = audit.begin(principal, questionOf(principal, action, resource, principal.tenant), res);
      try {
        const scope = await scopeOf(checker, principal, action, resource, { fresh, trace: decision.trace });
        audit.end(decision, scope.kind === 'none' ? 'deny' : 'allow');
        return scope;
      } catch (failure) {
        audit.end(decision, 'error', failure);
        throw failure;
      }
    }

    async function permittedScopeGuard(req: Request, res: Response, next: NextFunction): Promise<void> {
      const principal = callerOf(req);
      let scope = await audited(principal, res, false);
      if (scope.kind === 'none' && principal.kind === 'user' && (await provision?.(principal)) === true) {
        scope = await audited(principal, res, true);
      }
      if (scope.kind === 'none') throw new PermissionDenied('no object in scope');
      scopes.set(req, scope);
      markPassed(req, mark);
      next();
    }
    return markGuard(permittedScopeGuard, mark);
  }

  return { permittedScope, requirePermittedScope };
}

/** What the list's guard found. @throws Error on a route without that guard. */
export function permittedScopeOf(req: IncomingMessage): PermittedScope {
  const scope = scopes.get(req);
  if (!scope) throw new Error('permittedScopeOf: the route has no requirePermittedScope');
  return scope;
}

async function scopeOf(
  checker: PermissionChecker,
  principal: Principal,
  action: string,
  resource: string,
  how: { fresh?: boolean; trace?: DecisionTrace },
): Promise<PermittedScope> {
  const { tenant } = principal;
  // A question without a key is about the type as a whole; most callers end here, in one small batched call.
  if ((await checker.isAllowed(questionOf(principal, action, resource, tenant), how)) === true) return ALL;
  const map = await checker.permissionsOf({ user: principal.key, tenant, resourceTypes: [resource] });
  const permission = `${resource}:${action}`;
  const keys: string[] = [];
  for (const entry of Object.values(map)) {
    if (entry.resource?.type !== resource || !entry.permissions.includes(permission)) continue;
    // The filter is the PDP's; that it kept to our tenant is checked here.
    if (entry.tenant?.key === tenant) keys.push(entry.resource.key);
  }
  return keys.length > 0 ? { kind: 'keys', keys } : NONE;
}
