import type { IncomingMessage } from 'node:http';
import { z } from 'zod';
import { callerOf, type Principal } from '../auth/principal.ts';
import { InvalidInput } from '../errors.ts';
import type { PermissionChecker, Question } from './checker.ts';
import type { ResourceOf } from './define-policy.ts';
import { OBJECT_ID } from './path-param.ts';
import type { PolicyInput } from './policy.ts';
import { questionOf } from './question.ts';
import { questionText } from './question-text.ts';
import { createQuestionTurns } from './question-turns.ts';

/** What the caller may do in the current tenant. */
export type CallerPermissions = {
  tenant: string;
  roles: string[];
  resources: Record<string, { actions: string[]; objects: Record<string, string[]> }>;
};

const MAX_CHECKS = 1000;

/**
 * The body that `permit-fe-sdk` posts to the application's own server. Attributes are let in and ignored: they
 * are the browser's word, and the engine would prefer them to what it knows.
 *
 * @see https://github.com/permitio/permit-fe-sdk
 */
export const callerChecksSchema = z.object({
  resourcesAndActions: z
    .array(z.object({ action: z.string().min(1).max(128), resource: z.string().min(1).max(257) }))
    .max(MAX_CHECKS),
});

/** How the guards of the application's routes ask, so that both answers say what the routes do. */
export type CallerPlaces<R extends string = string> = {
  /** Resources whose guards say `tenant: 'default'`: nobody who acts in an organization may do anything there. */
  inDefaultTenant?: readonly R[];
};

/**
 * What a front end asks about its own user, for showing and hiding buttons; for the caller only: a `user` in
 * query or body is never read.
 *
 * A question with a key is about roles, not about the object: whether it exists, and in which tenant, is what
 * the `load` of its route finds out.
 *
 * @example
 * router.get('/me/permissions', authenticatedRoute(), async (req, res) => res.json(await caller.list(req)));
 * router.post('/me/permissions/check', authenticatedRoute(), async (req, res) => res.json(await caller.check(req, req.body)));
 */
export function createCallerPermissions<P extends PolicyInput>(options: {
  policy: P;
  checker: PermissionChecker;
  /** For one list of checks; default 5 seconds. */
  checksDeadlineMs?: number;
}) {
  const { policy, checker, checksDeadlineMs } = options;
  const allowedOf = createQuestionTurns({
    checker,
    ...(checksDeadlineMs === undefined ? {} : { deadlineMs: checksDeadlineMs }),
  });

  /** Whether a role could allow it to this caller at all. */
  function openTo({ organizationId }: Principal, { inDefaultTenant = [] }: CallerPlaces<ResourceOf<P>>) {
    const closed = new Set<string>(organizationId === undefined ? [] : inDefaultTenant);
    return (resource: string, action: string): boolean =>
      Object.hasOwn(policy.resources, resource) &&
      policy.resources[resource]?.actions.includes(action) === true &&
      !closed.has(resource);
  }

  return {
    /** Throws `UpstreamUnavailable` when the PDP cannot answer. */
    async list(req: IncomingMessage, places: CallerPlaces<ResourceOf<P>> = {}): Promise<CallerPermissions> {
      const principal = callerOf(req);
      const { key: user, tenant } = principal;
      const open = openTo(principal, places);
      const map = await checker.permissionsOf({ user, tenant });
      const resources: CallerPermissions['resources'] = {};
      for (const resource of Object.keys(policy.resources))
        resources[resource] = { actions: [], objects: {} };
      for (const entry of Object.values(map)) {
        if (entry.tenant?.key !== tenant) continue;
        for (const permission of entry.permissions) {
          const [resource = '', action = ''] = permission.split(':');
          if (!open(resource, action)) continue;
          const found = resources[resource] as CallerPermissions['resources'][string];
          if (!entry.resource) found.actions.push(action);
          else if (OBJECT_ID.test(entry.resource.key)) {
            const actions = found.objects[entry.resource.key] ?? [];
            actions.push(action);
            found.objects[entry.resource.key] = actions;
          }
        }
      }
      return { tenant, roles: map[`__tenant:${tenant}`]?.roles ?? [], resources };
    },

    /**
     * One boolean for each entry, in their order; what the policy does not know is `false`. Throws
     * `InvalidInput` for another shape and `UpstreamUnavailable` when the PDP cannot answer.
     */
    async check(
      req: IncomingMessage,
      body: unknown,
      places: CallerPlaces<ResourceOf<P>> = {},
    ): Promise<{ permittedList: boolean[] }> {
      const principal = callerOf(req);
      const open = openTo(principal, places);
      const questions = new Map<string, Question>();
      const texts = checksOf(body).map(({ action, type, key }) => {
        if (!open(type, action)) return undefined;
        const details = key === undefined ? {} : { key };
        const question = questionOf(principal, action, type, principal.tenant, details);
        const text = questionText(question);
        questions.set(text, question);
        return text;
      });
      const allowed = await allowedOf(principal.key, questions);
      return { permittedList: texts.map((text) => text !== undefined && allowed.has(text)) };
    },
  };
}

function checksOf(body: unknown): { action: string; type: string; key: string | undefined }[] {
  const parsed = callerChecksSchema.safeParse(body);
  if (!parsed.success) {
    throw new InvalidInput(
      parsed.error.issues.map(({ path, message }) => ({ path: path.join('.'), message })),
    );
  }
  const checks = parsed.data.resourcesAndActions.map(({ action, resource }) => {
    const [type = '', ...rest] = resource.split(':');
    return { action, type, key: rest.length > 0 ? rest.join(':') : undefined };
  });
  const odd = checks.flatMap(({ key }, index) =>
    key === undefined || OBJECT_ID.test(key)
      ? []
      : [{ path: `resourcesAndActions.${index}.resource`, message: 'is not "type" or "type:key"' }],
  );
  if (odd.length > 0) throw new InvalidInput(odd);
  return checks;
}
