import type { NextFunction, Request, RequestHandler, Response } from 'express';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { type Principal, principalOf } from '../auth/principal.ts';
import { ConfigurationError, PermissionDenied, Unauthenticated } from '../errors.ts';
import type { PermissionChecker, Question } from './checker.ts';
import { createDecisionAudit } from './decision-audit.ts';
import type { ActionOf, ResourceOf } from './define-policy.ts';
import { type GuardMark, markGuard, markPassed } from './guard-marks.ts';
import type { PolicyInput } from './policy.ts';
import { attributesOf, type QuestionDetails, questionOf } from './question.ts';
import { setLoaded, type Target } from './target.ts';

export type RequirePermission<P extends PolicyInput> = <R extends ResourceOf<P>>(
  action: ActionOf<P, R>,
  resource: R,
  target?: Target,
) => RequestHandler;

export type GuardOptions<P extends PolicyInput> = {
  policy: P;
  checker: PermissionChecker;
  /** Where `tenant: 'default'` asks. */
  defaultTenant: string;
  /**
   * First-request provisioning: called once when the PDP denies a person; resolves `true` when it has just
   * made that person known, and then the question is asked once more, fresh.
   */
  provision?: (principal: Principal) => Promise<boolean>;
  log: Logger;
  metrics?: Registry;
};

/**
 * Binds policy and checker once and returns the guard that routes use.
 *
 * Mount it after an authentication step. Without a principal it passes on 401, on a denial 403, and a checker
 * that cannot answer passes through as 503: an unreachable PDP closes the door. HEAD gets the verdict of GET.
 *
 * @throws ConfigurationError, where the guard is made, for an action or resource that the policy lacks.
 *
 * @example
 * const requirePermission = createRequirePermission({ policy, checker, defaultTenant: 'default', log });
 * const thisReport = { key: pathParam('reportId'), load: (_req, id) => reports.find(id) };
 * router.delete('/reports/:reportId', requirePermission('delete', 'reports', thisReport), removeReport);
 */
export function createRequirePermission<P extends PolicyInput>(
  options: GuardOptions<P>,
): RequirePermission<P> {
  const { policy, checker, defaultTenant, provision } = options;
  const audit = createDecisionAudit(options);

  return function requirePermission(action, resource, target = {}) {
    const known = Object.hasOwn(policy.resources, resource) ? policy.resources[resource] : undefined;
    if (!known?.actions.includes(action)) {
      throw new ConfigurationError([`requirePermission: the policy has no "${resource}:${action}"`]);
    }
    if (target.load && !target.key) {
      throw new ConfigurationError([`requirePermission("${action}", "${resource}"): load needs a key`]);
    }
    const { key, load, tenant: place, context } = target;
    const fresh = target.freshDecision === true;
    const mark: GuardMark = {
      kind: 'permission',
      action,
      resource,
      tenant: place === 'default' ? 'default' : 'current',
    };

    function permissionGuard(req: Request, res: Response, next: NextFunction): void {
      decide(req, res).then(
        () => {
          markPassed(req, mark);
          next();
        },
        // Express takes `next(undefined)` for a yes and `next('route')` for a way around.
        (failure: unknown) =>
          next(failure instanceof Error ? failure : new Error('guard failed', { cause: failure })),
      );
    }

    /** Resolves when the caller may. */
    async function decide(req: Request, res: Response): Promise<void> {
      const principal = principalOf(req);
      if (!principal) throw new Unauthenticated();
      const details: QuestionDetails = {};
      if (key) details.key = key.read(req);
      const tenant = tenantOf(principal, req);
      if (load) await addObject(details, req, tenant);
      if (context) details.context = context(principal);
      const question = questionOf(principal, action, resource, tenant, details);

      if (await ask(principal, question, res, fresh)) return;
      const knownNow = principal.kind === 'user' && (await provision?.(principal)) === true;
      if (knownNow && (await ask(principal, question, res, true))) return;
      throw new PermissionDenied('no grant');
    }

    function tenantOf(principal: Principal, req: Request): string {
      if (place === undefined) return principal.tenant;
      if (place === 'default') {
        if (principal.organizationId !== undefined) throw new PermissionDenied('organization token refused');
        return defaultTenant;
      }
      if (place.read(req) !== principal.tenant) throw new PermissionDenied('path names another tenant');
      return principal.tenant;
    }

    async function addObject(details: QuestionDetails, req: Request, tenant: string): Promise<void> {
      const object = await load?.(req, details.key as string);
      if (!object) throw new PermissionDenied('no such object');
      if (object.tenant !== tenant) throw new PermissionDenied('object of another tenant');
      setLoaded(req, object);
      details.key = object.id;
      details.attributes = attributesOf(policy, resource, object);
    }

    async function ask(
      principal: Principal,
      question: Question,
      res: Response,
      afresh: boolean,
    ): Promise<boolean> {
      const decision = audit.begin(principal, question, res);
      try {
        // Strictly true: a checker that resolves `undefined` must deny, not admit.
        const allowed =
          (await checker.isAllowed(question, { fresh: afresh, trace: decision.trace })) === true;
        audit.end(decision, allowed ? 'allow' : 'deny');
        return allowed;
      } catch (failure) {
        audit.end(decision, 'error', failure);
        throw failure;
      }
    }

    return markGuard(permissionGuard, mark);
  };
}
