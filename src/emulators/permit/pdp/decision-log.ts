import type { EngineDecision } from '../engine/decide.ts';
import { reasonOf } from '../engine/explain.ts';
import type { EngineQuestion } from '../engine/question.ts';
import type { World } from '../engine/roles.ts';

export type LoggedDecision = {
  id: number;
  at: string;
  via: string;
  user: string;
  action: string;
  resource: string;
  tenant: string | null;
  allow: boolean;
  sources: readonly string[];
  reason: string;
};

export type DecisionLog = ReturnType<typeof createDecisionLog>;

/** The last decisions and why, for people who look. */
export function createDecisionLog({ now, limit = 200 }: { now: () => number; limit?: number }) {
  const entries: LoggedDecision[] = [];
  let lastId = 0;
  return {
    record(via: string, world: World, question: EngineQuestion, decision: EngineDecision): void {
      const { user, action, resource } = question;
      lastId += 1;
      entries.push({
        id: lastId,
        at: new Date(now()).toISOString(),
        via,
        user: user.key,
        action,
        resource: resource.key === undefined ? resource.type : `${resource.type}:${resource.key}`,
        tenant: resource.tenant ?? null,
        allow: decision.allow,
        sources: decision.sources,
        reason: reasonOf(world, question, decision),
      });
      if (entries.length > limit) entries.shift();
    },
    newestFirst: (): LoggedDecision[] => entries.toReversed(),
    clear(): void {
      entries.length = 0;
    },
  };
}
