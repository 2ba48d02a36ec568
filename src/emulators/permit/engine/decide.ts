import { type AbacResult, abacOf } from './abac.ts';
import type { EngineOptions, EngineQuestion } from './question.ts';
import { heldRole, type World } from './roles.ts';
import { TENANT_SCOPE } from './schema.ts';

export type RbacResult = { allow: boolean; roles: readonly string[] };
export type RebacResult = { allow: boolean; role?: string };
export type EngineDecision = {
  allow: boolean;
  /** The modules that allowed; several when more than one did. */
  sources: readonly ('rbac' | 'rebac' | 'abac')[];
  rbac: RbacResult;
  rebac: RebacResult;
  abac: AbacResult;
};

/**
 * One decision: RBAC, ReBAC or ABAC allows, nothing denies. Unknown users, tenants, types and actions are
 * simply not allowed.
 */
export function decide(world: World, question: EngineQuestion, options: EngineOptions = {}): EngineDecision {
  const rbac = rbacOf(world, question);
  const rebac = rebacOf(world, question, options);
  const abac = abacOf(world, question);
  const sources: EngineDecision['sources'][number][] = [];
  if (rbac.allow) sources.push('rbac');
  if (rebac.allow) sources.push('rebac');
  if (abac.allow) sources.push('abac');
  return { allow: sources.length > 0, sources, rbac, rebac, abac };
}

/** Tenant roles. The object's key and its true tenant do not matter here: the caller must send the true one. */
export function rbacOf({ schema, facts }: World, { user, action, resource }: EngineQuestion): RbacResult {
  if (resource.tenant === undefined) return { allow: false, roles: [] };
  const roles: string[] = [];
  for (const role of facts.tenantRolesOf(user.key, resource.tenant)) {
    if (schema.role(TENANT_SCOPE, role)?.grants.get(resource.type)?.has(action)) roles.push(role);
  }
  return { allow: roles.length > 0, roles };
}

/** Resource roles, direct and derived. */
export function rebacOf(world: World, question: EngineQuestion, options: EngineOptions = {}): RebacResult {
  const { user, action, resource } = question;
  if (resource.key === undefined) return { allow: false };
  const { schema, facts } = world;
  const object = `${resource.type}:${resource.key}`;
  if (options.compareInstanceTenant) {
    const home = facts.instance(object)?.tenant;
    if (home !== undefined && home !== resource.tenant) return { allow: false };
  }
  const granting: string[] = [];
  for (const [key, role] of schema.rolesIn(resource.type)) {
    if (role.grants.get(resource.type)?.has(action)) granting.push(key);
  }
  const role = granting.length === 0 ? undefined : heldRole(world, user.key, object, granting);
  return role === undefined ? { allow: false } : { allow: true, role };
}
