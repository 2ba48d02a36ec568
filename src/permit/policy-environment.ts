import { setTimeout as pause } from 'node:timers/promises';
import { inBackground } from '../database/background.ts';
import type { PolicyInput } from '../permission/policy.ts';
import { DirectoryError } from '../sync/directory-error.ts';
import { createDirectoryApi, type DirectoryApiOptions } from './directory-api.ts';
import { isVendorsStatus } from './directory-failure.ts';
import { applyPolicyStep } from './policy-apply.ts';
import { itemsOfPolicy } from './policy-items.ts';
import { type PolicyStep, planPolicy } from './policy-plan.ts';
import { readPolicyItems } from './policy-read.ts';

export type PolicyEnvironment = {
  /** What a push would do; empty when the environment agrees with the catalogue. */
  plan(policy: PolicyInput): Promise<PolicyStep[]>;
  /**
   * Carries out the plan. Without `deletes` nothing is taken away: those steps come back as `skipped`. A second
   * push does nothing; one that was cut off is finished by the next.
   */
  push(
    policy: PolicyInput,
    options?: { deletes?: boolean; onStep?: (step: PolicyStep) => void },
  ): Promise<{ done: PolicyStep[]; skipped: PolicyStep[] }>;
};

/**
 * A policy catalogue against a Permit environment, through the vendor's SDK.
 *
 * @throws DirectoryError from both methods: `refused-key`, `refused-input`, `rate-limited` or `unavailable`.
 * @see https://docs.permit.io/api/rest/overview
 * @example
 * const environment = createPolicyEnvironment({ apiKey, apiUrl: 'https://api.permit.io', clock: systemClock });
 * for (const step of await environment.plan(policy)) console.log(describeStep(step));
 */
export function createPolicyEnvironment(
  options: DirectoryApiOptions & { maxWaitMs?: number },
): PolicyEnvironment {
  const directory = createDirectoryApi(options);
  // No request waits for a command: it has the time that the vendor's limits ask for.
  const api: typeof directory = { call: (kind, work) => inBackground(() => directory.call(kind, work)) };
  const { maxWaitMs = 120_000 } = options;

  async function plan(policy: PolicyInput): Promise<PolicyStep[]> {
    return planPolicy(itemsOfPolicy(policy), await readPolicyItems(api));
  }

  async function carryOut(step: PolicyStep): Promise<void> {
    let waitedMs = 0;
    for (;;) {
      try {
        await api.call(step.verb === 'delete' ? 'delete' : 'write', (permit) =>
          applyPolicyStep(permit, step),
        );
        return;
      } catch (error) {
        // Somebody was faster, or an earlier push got this far.
        if (isVendorsStatus(error, step.verb === 'create' ? 409 : 404) && step.verb !== 'update') return;
        if (!(error instanceof DirectoryError) || error.kind !== 'rate-limited') throw error;
        // Schema writes have a budget of their own, of 40 a minute.
        const waitMs = error.retryAfterMs ?? 20_000;
        waitedMs += waitMs;
        if (waitedMs > maxWaitMs) throw error;
        await pause(waitMs);
      }
    }
  }

  return {
    plan,
    async push(policy, { deletes = false, onStep } = {}) {
      const steps = await plan(policy);
      const done: PolicyStep[] = [];
      for (const step of steps) {
        if (step.destructive && !deletes) continue;
        onStep?.(step);
        await carryOut(step);
        done.push(step);
      }
      return { done, skipped: deletes ? [] : steps.filter(({ destructive }) => destructive) };
    },
  };
}
