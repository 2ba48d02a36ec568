import { PermissionDenied } from '../errors.ts';
import { asOutage, isRefusedInput } from '../sync/directory-error.ts';
import type { Directory } from '../sync/ports.ts';

/**
 * The directory as request handlers need it: its failures are answers. What Permit refuses about somebody (no
 * such user, tenant or object) is a denial; everything else is an outage: our own wrong key, and a question that
 * Permit cannot make sense of.
 */
export function answerableDirectory(directory: Directory): Directory {
  async function answer<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      throw answerOf(error);
    }
  }
  async function* answerPages<T>(pages: AsyncIterable<T>): AsyncIterable<T> {
    try {
      yield* pages;
    } catch (error) {
      throw answerOf(error);
    }
  }
  return {
    syncUser: (user) => answer(directory.syncUser(user)),
    getUser: (key) => answer(directory.getUser(key)),
    deleteUser: (key) => answer(directory.deleteUser(key)),
    upsertTenant: (tenant, how) => answer(directory.upsertTenant(tenant, how)),
    deleteTenant: (key) => answer(directory.deleteTenant(key)),
    hasTenant: (key) => answer(directory.hasTenant(key)),
    assign: (assignment, how) => answer(directory.assign(assignment, how)),
    unassign: (assignment) => answer(directory.unassign(assignment)),
    assignmentsOf: (user, tenant) => answer(directory.assignmentsOf(user, tenant)),
    listUsers: () => answerPages(directory.listUsers()),
    listTenants: () => answerPages(directory.listTenants()),
    listAssignments: (filter) => answerPages(directory.listAssignments(filter)),
    createInstance: (instance) => answer(directory.createInstance(instance)),
    deleteInstance: (instance) => answer(directory.deleteInstance(instance)),
    syncUsers: (users) => answer(directory.syncUsers(users)),
    assignMany: (assignments) => answer(directory.assignMany(assignments)),
    unassignMany: (assignments) => answer(directory.unassignMany(assignments)),
  };
}

/** The vendor's words for it; the others are about what we sent. */
const ABOUT_THE_SUBJECT = new Set(['NOT_FOUND', 'DUPLICATE_ENTITY', 'MISMATCH_RESOURCE_INSTANCES_TENANTS']);

function answerOf(error: unknown): unknown {
  return isRefusedInput(error) && ABOUT_THE_SUBJECT.has(error.code ?? '')
    ? new PermissionDenied('permit refuses the subject', { cause: error })
    : asOutage(error);
}
