import type { Environment } from './environment.ts';
import { ruleDefinitionOf } from './publish.ts';
import type { ConditionSetRow, RuleRow } from './rows.ts';

export function dropRule(env: Environment, rule: RuleRow): void {
  env.rules.delete(rule.key);
  const definition = ruleDefinitionOf(rule);
  env.replica.publish(({ schema }) => schema.deleteRule(definition));
}

/** The set, and the rules that it stands in. */
export function dropConditionSet(env: Environment, set: ConditionSetRow): void {
  for (const rule of [...env.rules.values()]) {
    if (rule.user_set === set.key || rule.resource_set === set.key) dropRule(env, rule);
  }
  env.conditionSets.delete(set.key);
  env.replica.publish(({ schema }) => schema.deleteConditionSet(set.key));
}
