import type { Environment } from './environment.ts';
import { publishConditionSet, ruleDefinitionOf } from './publish.ts';
import type { ConditionSetRow, RuleRow } from './rows.ts';

export function dropRule(env: Environment, rule: RuleRow): void {
  env.rules.delete(rule.key);
  const definition = ruleDefinitionOf(rule);
  env.replica.publish(({ schema }) => schema.deleteRule(definition));
}

/** The set, and the rules that it stands in; sets below it stand on their own from then on. */
export function dropConditionSet(env: Environment, set: ConditionSetRow): void {
  for (const rule of [...env.rules.values()]) {
    if (rule.user_set === set.key || rule.resource_set === set.key) dropRule(env, rule);
  }
  for (const child of [...env.conditionSets.values()]) {
    if (child.parent !== set.key) continue;
    // A parent that is named and missing holds nowhere, and one made later under that key would be another.
    publishConditionSet(env, env.conditionSets.put({ ...child, parent: null, updated_at: env.stamp() }));
  }
  env.conditionSets.delete(set.key);
  env.replica.publish(({ schema }) => schema.deleteConditionSet(set.key));
}
