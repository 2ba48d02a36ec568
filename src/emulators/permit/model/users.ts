import type { Attributes } from '../engine/attributes.ts';
import { ApiError, found, requireAbsent } from './api-error.ts';
import { type AssignmentInput, type AssignmentPlan, applyAssignment, planAssignment } from './assignments.ts';
import { dropUser } from './cascades.ts';
import type { Environment } from './environment.ts';
import { sent } from './input.ts';
import type { Homes } from './instances.ts';
import { storedUserAttributes } from './publish.ts';
import type { UserRow } from './rows.ts';

export type UserInput = {
  key: string;
  email?: string | null | undefined;
  first_name?: string | null | undefined;
  last_name?: string | null | undefined;
  attributes?: Attributes | null | undefined;
  role_assignments?: readonly Omit<AssignmentInput, 'user'>[] | null | undefined;
};

/** @throws {ApiError} `DUPLICATE_ENTITY`, or `NOT_FOUND` for an unknown role, tenant or instance. */
export function createUser(env: Environment, input: UserInput): UserRow {
  return createUsers(env, [input])[0] as UserRow;
}

/** All or none. */
export function createUsers(env: Environment, inputs: readonly UserInput[]): UserRow[] {
  const seen = new Set<string>();
  for (const { key } of inputs) {
    requireAbsent(env.users.get(key) ?? (seen.has(key) || undefined), 'User', key);
    seen.add(key);
  }
  return writeUsers(env, inputs);
}

/** Creates or replaces: what is left out is reset, roles are kept and those of the input come on top. */
export function replaceUser(env: Environment, input: UserInput): { user: UserRow; created: boolean } {
  const created = !env.users.has(input.key);
  return { user: writeUsers(env, [input])[0] as UserRow, created };
}

/** All or none. */
export function writeUsers(env: Environment, inputs: readonly UserInput[]): UserRow[] {
  const homes: Homes = new Map();
  const plans = inputs.map((input) => {
    requireEmailUnused(env, input.key, input.email);
    return { input, assignments: planAll(env, input, homes) };
  });
  return env.batch(() =>
    plans.map(({ input, assignments }) => {
      const before = env.users.get(input.key);
      const now = env.stamp();
      const user = saveUser(env, {
        id: before?.id ?? env.newId(),
        key: input.key,
        email: input.email ?? null,
        first_name: input.first_name ?? null,
        last_name: input.last_name ?? null,
        attributes: input.attributes ?? null,
        created_at: before?.created_at ?? now,
        updated_at: now,
      });
      for (const plan of assignments) applyAssignment(env, plan);
      return user;
    }),
  );
}

function planAll(env: Environment, { key, role_assignments }: UserInput, homes: Homes): AssignmentPlan[] {
  return (role_assignments ?? []).map((assignment) => planAssignment(env, key, assignment, homes));
}

/** Members that were sent replace; attributes as a whole. */
export function updateUser(env: Environment, keyOrId: string, input: Omit<UserInput, 'key'>): UserRow {
  const user = found(env.users.find(keyOrId), 'User', keyOrId);
  requireEmailUnused(env, user.key, input.email);
  return saveUser(env, { ...user, ...sent(input), updated_at: env.stamp() });
}

export function deleteUsers(env: Environment, keysOrIds: readonly string[]): void {
  const users = keysOrIds.map((keyOrId) => found(env.users.find(keyOrId), 'User', keyOrId));
  env.batch(() => {
    for (const { key } of users) dropUser(env, key);
  });
}

function saveUser(env: Environment, user: UserRow): UserRow {
  env.users.put(user);
  env.replica.publish(({ facts }) => facts.putUser(user.key, storedUserAttributes(user)));
  return user;
}

function requireEmailUnused(env: Environment, key: string, email: string | null | undefined): void {
  if (!env.settings.uniqueEmails || !email) return;
  for (const other of env.users.by('email', email)) {
    if (other.key !== key) {
      throw new ApiError('DUPLICATE_ENTITY', `a user with the e-mail '${email}' already exists`);
    }
  }
}
