import { ApiError, found, requireAbsent } from './api-error.ts';
import { dropTuple } from './cascades.ts';
import type { Environment } from './environment.ts';
import {
  applyInstance,
  type Homes,
  type InstancePlan,
  inOtherTenant,
  knownInstance,
  planInstance,
} from './instances.ts';
import type { RelationRow, TupleRow } from './rows.ts';

export type TupleInput = {
  subject: string;
  relation: string;
  object: string;
  tenant?: string | null | undefined;
};
export type TuplePlan = { key: string; subject: InstancePlan; relation: string; object: InstancePlan };

/**
 * Checks a tuple without writing anything; a missing instance is made in the tenant of the input. The items of
 * one call share their `homes`.
 *
 * @throws {ApiError} `NOT_FOUND`, `MISMATCH_RELATION_TYPE`, `MISMATCH_RESOURCE_INSTANCES_TENANTS`.
 */
export function planTuple(env: Environment, input: TupleInput, homes: Homes = new Map()): TuplePlan {
  const named =
    input.tenant == null ? undefined : found(env.tenants.find(input.tenant), 'Tenant', input.tenant).key;
  // The tenant only says where to make what is missing; two that exist are compared with each other.
  const end = (keyOrId: string) =>
    knownInstance(env, keyOrId, homes) ?? planInstance(env, keyOrId, named, homes);
  const subject = end(input.subject);
  const object = end(input.object);
  if (subject.tenant !== object.tenant) throw inOtherTenant(object.key);

  const relation = relationOf(env, object.resource, input.relation);
  if (relation.subject_resource !== subject.resource) {
    throw new ApiError(
      'MISMATCH_RELATION_TYPE',
      `relation '${relation.key}' of '${object.resource}' takes subjects of type '${relation.subject_resource}'`,
    );
  }
  return { key: tupleKey(subject.key, relation.key, object.key), subject, relation: relation.key, object };
}

/** @returns the tuple, and whether it is new. */
export function applyTuple(env: Environment, plan: TuplePlan): { tuple: TupleRow; created: boolean } {
  const before = env.tuples.get(plan.key);
  if (before) return { tuple: before, created: false };
  const subject = applyInstance(env, plan.subject);
  const object = applyInstance(env, plan.object);
  const now = env.stamp();
  const tuple = env.tuples.put({
    id: env.newId(),
    key: plan.key,
    subject: subject.key,
    relation: plan.relation,
    object: object.key,
    tenant: object.tenant,
    created_at: now,
    updated_at: now,
  });
  env.replica.publish(({ facts }) => facts.relate(tuple));
  return { tuple, created: true };
}

/** @throws {ApiError} `DUPLICATE_ENTITY` when the two are joined already. */
export function createTuple(env: Environment, input: TupleInput): TupleRow {
  const plan = planTuple(env, input);
  requireAbsent(env.tuples.get(plan.key), 'Relationship tuple', plan.key);
  return env.batch(() => applyTuple(env, plan).tuple);
}

/** All or none; tuples that exist are skipped. */
export function createTuples(env: Environment, inputs: readonly TupleInput[]): void {
  const homes: Homes = new Map();
  const plans = inputs.map((input) => planTuple(env, input, homes));
  env.batch(() => {
    for (const plan of plans) applyTuple(env, plan);
  });
}

/** @throws {ApiError} `NOT_FOUND`. */
export function deleteTuple(env: Environment, input: TupleInput): void {
  dropTuple(env, found(findTuple(env, input), 'Relationship tuple', input.relation));
}

/** Tuples that are not there are skipped. */
export function deleteTuples(env: Environment, inputs: readonly TupleInput[]): void {
  env.batch(() => {
    for (const input of inputs) {
      const tuple = findTuple(env, input);
      if (tuple) dropTuple(env, tuple);
    }
  });
}

function findTuple(env: Environment, input: TupleInput): TupleRow | undefined {
  const subject = knownInstance(env, input.subject);
  const object = knownInstance(env, input.object);
  if (!subject || !object) return undefined;
  const relations = env.resources.get(object.resource)?.relations ?? [];
  const relation = relations.find((row) => row.key === input.relation || row.id === input.relation);
  return relation && env.tuples.get(tupleKey(subject.key, relation.key, object.key));
}

function relationOf(env: Environment, resource: string, keyOrId: string): RelationRow {
  const relations = env.resources.get(resource)?.relations ?? [];
  const row = relations.find(({ key, id }) => key === keyOrId || id === keyOrId);
  return found(row, `Relation of resource '${resource}'`, keyOrId);
}

const tupleKey = (subject: string, relation: string, object: string): string =>
  `${subject} ${relation} ${object}`;
