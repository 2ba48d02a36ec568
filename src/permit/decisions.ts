import { UpstreamUnavailable } from '../errors.ts';
import type { AttemptFailure, DecisionEngine } from '../permission/decision-engine.ts';
import { parseDecision, parseDecisions, parsePermissionMap } from './decision-answers.ts';
import { createPdpConnection, outage } from './decisions-http.ts';

const DECISION_BYTES = 1024 * 1024;
const PERMISSION_MAP_BYTES = 16 * 1024 * 1024;

/**
 * Permit.io's decision endpoints through a small client of our own on undici: `/allowed`, `/allowed/bulk` and
 * `/user-permissions` of the PDP. One call is one attempt; retries, batching and the breaker are the
 * permission room's.
 *
 * @see https://docs.permit.io/concepts/pdp/overview/
 */
export function createDecisionEngine(options: {
  pdpUrl: string;
  apiKey: string;
  timeoutMs: number;
}): DecisionEngine {
  const connection = createPdpConnection(options);

  return {
    async askOne(question, deadlineAt) {
      const answer = await connection.post('/allowed', question, { deadlineAt, maxBytes: DECISION_BYTES });
      return parseDecision(answer) ?? malformed('a decision');
    },
    async askMany(questions, deadlineAt) {
      const body = `[${questions.join(',')}]`;
      const answer = await connection.post('/allowed/bulk', body, { deadlineAt, maxBytes: DECISION_BYTES });
      return parseDecisions(answer, questions.length) ?? malformed(`${questions.length} decisions`);
    },
    async permissionsOf({ user, tenant, resourceTypes }, deadlineAt) {
      const body = JSON.stringify({
        user: { key: user },
        tenants: [tenant],
        // Without `__tenant` the filter drops the caller's tenant roles.
        ...(resourceTypes ? { resource_types: ['__tenant', ...resourceTypes] } : {}),
      });
      const answer = await connection.post('/user-permissions', body, {
        deadlineAt,
        maxBytes: PERMISSION_MAP_BYTES,
      });
      return parsePermissionMap(answer) ?? malformed('a permission map');
    },
    kindOf: failureKindOf,
    close: () => connection.close(),
  };
}

function malformed(wanted: string): never {
  throw outage('permit_answer_malformed', `answer is not ${wanted}`);
}

const KINDS: Readonly<Record<string, AttemptFailure>> = {
  permit_key_refused: 'refused',
  permit_rate_limited: 'refused',
  permit_budget_spent: 'refused',
  permit_circuit_open: 'refused',
  permit_question_refused: 'question',
  permit_bulk_budget_spent: 'question',
  permit_answer_malformed: 'answer',
  // It came because of what was asked; counting it would let one caller's long list close the door to all.
  permit_answer_too_large: 'question',
};

/** Redirects, time-outs, resets, 5xx and whatever nobody thought of are outages. */
export function failureKindOf(failure: unknown): AttemptFailure {
  const logCode = failure instanceof UpstreamUnavailable ? failure.logCode : '';
  return (Object.hasOwn(KINDS, logCode) ? KINDS[logCode] : undefined) ?? 'outage';
}
