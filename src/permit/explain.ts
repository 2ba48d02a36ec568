import { z } from 'zod';
import type { Question } from '../permission/checker.ts';
import { questionText } from '../permission/question-text.ts';
import { createPdpConnection, outage } from './decisions-http.ts';

/** Why the PDP decides as it does: one entry for each way in which it could have allowed. */
export type Explanation = {
  allowed: boolean;
  question: Question;
  reasons: { model: string; allowed: boolean; code?: string; reason?: string; roles?: string[] }[];
};

export type Explainer = {
  /** Always asks afresh. Throws `UpstreamUnavailable` as a decision does. */
  explain(question: Question): Promise<Explanation>;
  close(): Promise<void>;
};

const reasonSchema = z.object({
  allow: z.boolean().optional(),
  code: z.string().optional(),
  reason: z.string().optional(),
  allowing_roles: z.array(z.string()).optional(),
});
const answerSchema = z.object({
  allow: z.boolean(),
  debug: z.record(z.string(), z.unknown()).nullish(),
});

/**
 * The engine's own reasoning about one question, for operators only: it tells who has which roles. A PDP that
 * runs without its debugger answers the decision alone.
 *
 * @example
 * const { allowed, reasons } = await explainer.explain(question);
 */
export function createExplainer(options: { pdpUrl: string; apiKey: string; timeoutMs?: number }): Explainer {
  const { timeoutMs = 500 } = options;
  const connection = createPdpConnection({ ...options, timeoutMs, connections: 2 });
  return {
    async explain(question) {
      const answer = await connection.post('/allowed', questionText(question), {
        deadlineAt: performance.now() + timeoutMs,
        maxBytes: 1024 * 1024,
      });
      const parsed = answerSchema.safeParse(answer);
      if (!parsed.success) throw outage('permit_answer_malformed', 'answer is not an explained decision');
      const { allow, debug } = parsed.data;
      return { allowed: allow, question, reasons: Object.entries(debug ?? {}).flatMap(reasonOf) };
    },
    close: () => connection.close(),
  };
}

function reasonOf([model, part]: [string, unknown]): Explanation['reasons'] {
  if (model === 'request') return [];
  const parsed = reasonSchema.safeParse(part);
  if (!parsed.success) return [];
  const { allow = false, code, reason, allowing_roles: roles } = parsed.data;
  return [
    {
      model,
      allowed: allow,
      ...(code === undefined ? {} : { code }),
      ...(reason === undefined ? {} : { reason }),
      ...(roles === undefined ? {} : { roles }),
    },
  ];
}
