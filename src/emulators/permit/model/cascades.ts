import type { Environment } from './environment.ts';
import type { AssignmentRow, InstanceRow, TupleRow } from './rows.ts';

export function dropAssignment(env: Environment, row: AssignmentRow): void {
  env.assignments.delete(row.key);
  const { user, role, tenant, instance } = row;
  env.replica.publish(({ facts }) => facts.unassign({ user, role, tenant, instance: instance ?? undefined }));
}

/** Whoever has a role in a tenant, or on an instance there, belongs to it. */
export function* assignmentsIn(env: Environment, tenant: string): Generator<AssignmentRow> {
  for (const user of env.associations.usersOf(tenant)) {
    for (const row of env.assignments.by('user', user)) if (row.tenant === tenant) yield row;
  }
}

export function dropTuple(env: Environment, row: TupleRow): void {
  env.tuples.delete(row.key);
  env.replica.publish(({ facts }) => facts.unrelate(row));
}

/** The instance, its tuples on either end, and the roles on it. */
export function dropInstance(env: Environment, { key }: InstanceRow): void {
  for (const row of [...env.assignments.by('instance', key)]) dropAssignment(env, row);
  for (const row of [...env.tuples.by('subject', key), ...env.tuples.by('object', key)]) dropTuple(env, row);
  env.instances.delete(key);
  env.replica.publish(({ facts }) => facts.deleteInstance(key));
}

/** The user, every role and every association. */
export function dropUser(env: Environment, key: string): void {
  for (const row of [...env.assignments.by('user', key)]) env.assignments.delete(row.key);
  env.associations.deleteUser(key);
  env.users.delete(key);
  env.replica.publish(({ facts }) => facts.deleteUser(key));
}

/** The tenant, its instances with their tuples, and every role in it. */
export function dropTenant(env: Environment, key: string): void {
  for (const row of [...assignmentsIn(env, key)]) dropAssignment(env, row);
  for (const instance of [...env.instances.by('tenant', key)]) dropInstance(env, instance);
  env.associations.deleteTenant(key);
  env.tenants.delete(key);
  env.replica.publish(({ facts }) => facts.deleteTenant(key));
}
