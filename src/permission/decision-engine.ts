import type { PermissionMap } from './checker.ts';

/**
 * Why an attempt failed, as far as the next step depends on it: `outage` (try again, count it), `answer` (it
 * answered nonsense: an outage of its own kind), `question` (it is well, and cannot answer what was asked),
 * `refused` (it refuses us: our key or our pace; trying again would not help).
 */
export type AttemptFailure = 'outage' | 'answer' | 'question' | 'refused';

/**
 * One attempt at the decision point, with no retry and no memory: what batching, cache and breaker stand on.
 * Questions come as JSON text, so that a question is written once and equal ones are equal strings. Deadlines
 * are on the scale of `performance.now()`. Every failure is an `UpstreamUnavailable`.
 */
export interface DecisionEngine {
  askOne(question: string, deadlineAt: number): Promise<boolean>;
  /** As many decisions as questions, in their order. */
  askMany(questions: readonly string[], deadlineAt: number): Promise<boolean[]>;
  permissionsOf(
    query: { user: string; tenant: string; resourceTypes?: readonly string[] },
    deadlineAt: number,
  ): Promise<PermissionMap>;
  kindOf(failure: unknown): AttemptFailure;
  close(): Promise<void>;
}
