import type { Environment } from './environment.ts';
import {
  publishConditionSet,
  publishResource,
  publishRole,
  publishRule,
  storedUserAttributes,
} from './publish.ts';

/** Tells the replica everything that was read back from the journal. */
export function republish(environment: Environment): void {
  const { replica } = environment;
  for (const resource of environment.resources.values()) publishResource(environment, resource);
  for (const role of environment.roles.values()) publishRole(environment, role);
  for (const set of environment.conditionSets.values()) publishConditionSet(environment, set);
  for (const rule of environment.rules.values()) publishRule(environment, rule);
  for (const user of environment.users.values()) {
    replica.publish(({ facts }) => facts.putUser(user.key, storedUserAttributes(user)));
  }
  for (const { key, attributes } of environment.tenants.values()) {
    replica.publish(({ facts }) => facts.putTenant(key, attributes ?? {}));
  }
  for (const { key, tenant, attributes } of environment.instances.values()) {
    replica.publish(({ facts }) => facts.putInstance(key, tenant, attributes ?? {}));
  }
  for (const { user, tenant } of environment.associations.values()) {
    replica.publish(({ facts }) => facts.associate(user, tenant));
  }
  for (const { user, role, tenant, instance } of environment.assignments.values()) {
    replica.publish(({ facts }) => facts.assign({ user, role, tenant, instance: instance ?? undefined }));
  }
  for (const tuple of environment.tuples.values()) replica.publish(({ facts }) => facts.relate(tuple));
}
