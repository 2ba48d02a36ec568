import type { Clock } from '../clock.ts';
import { UpstreamUnavailable } from '../errors.ts';
import type { DecisionEngine } from '../permission/decision-engine.ts';

/** Calls a minute and address that Permit.io's cloud PDP takes. */
export const CLOUD_PDP_CALLS_PER_MINUTE = { bulk: 200, single: 1000, permissions: 500 } as const;

/** The cloud PDP is for trying things out: it has call limits, and no ABAC. Banner and doctor say so. */
export function isCloudPdp(pdpUrl: string): boolean {
  return new URL(pdpUrl).hostname === 'cloudpdp.api.permit.io';
}

type Call = keyof typeof CLOUD_PDP_CALLS_PER_MINUTE;

/**
 * Spends no call that the other side would refuse: when the budget of bulk calls is used up, questions go one
 * by one; when that is used up too, 503 with the seconds to wait.
 *
 * @see https://docs.permit.io/concepts/pdp/cloud-pdp-capabilities
 */
export function withCallBudget(
  engine: DecisionEngine,
  options: { clock: Clock; perMinute?: Record<Call, number> },
): DecisionEngine {
  const { clock, perMinute = CLOUD_PDP_CALLS_PER_MINUTE } = options;
  const buckets = new Map<Call, { calls: number; at: number }>();

  function spend(call: Call): void {
    const limit = perMinute[call];
    const now = clock.now();
    const bucket = buckets.get(call) ?? { calls: limit, at: now };
    bucket.calls = Math.min(limit, bucket.calls + (Math.max(0, now - bucket.at) * limit) / 60_000);
    bucket.at = now;
    buckets.set(call, bucket);
    if (bucket.calls < 1) {
      throw new UpstreamUnavailable('permit', `budget of ${call} calls is spent`, {
        logCode: call === 'bulk' ? 'permit_bulk_budget_spent' : 'permit_budget_spent',
        retryAfterSeconds: ((1 - bucket.calls) * 60) / limit,
      });
    }
    bucket.calls -= 1;
  }

  return {
    ...engine,
    async askOne(question, deadlineAt) {
      spend('single');
      return engine.askOne(question, deadlineAt);
    },
    async askMany(questions, deadlineAt) {
      spend('bulk');
      return engine.askMany(questions, deadlineAt);
    },
    async permissionsOf(query, deadlineAt) {
      spend('permissions');
      return engine.permissionsOf(query, deadlineAt);
    },
  };
}
