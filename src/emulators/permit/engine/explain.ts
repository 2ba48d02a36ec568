import { mergeAttributes } from './attributes.ts';
import type { EngineDecision } from './decide.ts';
import type { EngineQuestion } from './question.ts';
import type { World } from './roles.ts';

type Finding = { code: string; reason: string };
const SUPPORT = 'https://docs.permit.io/errors/';

/** The `debug` member of a decision: what was asked, and what each module made of it. */
export function explain(world: World, question: EngineQuestion, decision: EngineDecision) {
  const { user, action, resource, context } = question;
  const stored = world.facts.user(user.key);
  const instance = resource.key === undefined ? undefined : `${resource.type}:${resource.key}`;
  return {
    request: {
      user: {
        key: user.key,
        synced: stored !== undefined,
        attributes: mergeAttributes(stored, user.attributes),
      },
      tenant: resource.tenant ?? null,
      action,
      resource: {
        type: resource.type,
        ...(resource.key === undefined ? {} : { key: resource.key }),
        attributes: mergeAttributes(
          { type: resource.type },
          instance === undefined ? undefined : world.facts.instance(instance)?.attributes,
          resource.attributes,
        ),
      },
      ...(context && Object.keys(context).length > 0 ? { context } : {}),
    },
    rbac: {
      ...block(decision.rbac.allow, rbacFinding(world, question, decision)),
      ...(decision.rbac.allow ? { allowing_roles: decision.rbac.roles } : {}),
    },
    ...(instance === undefined
      ? {}
      : {
          rebac: {
            ...block(decision.rebac.allow, rebacFinding(world, question, decision)),
            ...(decision.rebac.role === undefined ? {} : { allowing_roles: [decision.rebac.role] }),
          },
        }),
    ...(decision.abac.code === 'disabled'
      ? {}
      : { abac: block(decision.abac.allow, abacFinding(question, decision)) }),
  };
}

/** One line for the decision log. */
export function reasonOf(world: World, question: EngineQuestion, decision: EngineDecision): string {
  if (decision.rbac.allow) return rbacFinding(world, question, decision).reason;
  if (decision.rebac.allow) return rebacFinding(world, question, decision).reason;
  if (decision.abac.allow) return abacFinding(question, decision).reason;
  return rbacFinding(world, question, decision).reason;
}

function block(allow: boolean, { code, reason }: Finding) {
  return allow ? { allow, code, reason } : { allow, code, reason, support_link: `${SUPPORT}${code}` };
}

function rbacFinding(
  { schema, facts }: World,
  { user, action, resource }: EngineQuestion,
  decision: EngineDecision,
): Finding {
  const { type, tenant } = resource;
  const [role] = decision.rbac.roles;
  if (role !== undefined) {
    const reason = `user '${user.key}' has the role '${role}' in tenant '${tenant}', role '${role}' has the '${action}' permission on resources of type '${type}'`;
    return { code: 'allow', reason };
  }
  const finding = (code: string, reason: string): Finding => ({ code, reason });
  if (!schema.hasType(type)) return finding('no_such_resource', `no resource type '${type}' is defined`);
  if (!schema.actionsOf(type)?.has(action)) {
    return finding('no_such_action', `resource type '${type}' has no action '${action}'`);
  }
  if (tenant === undefined || facts.tenant(tenant) === undefined) {
    return finding('no_such_tenant', `no tenant '${tenant ?? ''}' is defined`);
  }
  if (facts.user(user.key) === undefined) {
    return finding('user_not_synced', `user '${user.key}' is not synced`);
  }
  if (!facts.hasTenantRoles(user.key)) {
    return finding('no_user_roles', `user '${user.key}' has no role in any tenant`);
  }
  if (facts.tenantRolesOf(user.key, tenant).length === 0) {
    return finding('no_role_in_tenant', `user '${user.key}' has no role in tenant '${tenant}'`);
  }
  const reason = `user '${user.key}' does not have any role that grants him the '${action}' permission on resources of type '${type}'`;
  return finding('no_permission', reason);
}

function rebacFinding(
  { facts }: World,
  { user, action, resource }: EngineQuestion,
  decision: EngineDecision,
): Finding {
  const object = `${resource.type}:${resource.key}`;
  if (decision.rebac.role !== undefined) {
    const reason = `user '${user.key}' has the role '${decision.rebac.role}' on '${object}', which grants '${action}'`;
    return { code: 'allow', reason };
  }
  return facts.objectRolesOf(user.key)
    ? { code: 'no_permission', reason: `no role of user '${user.key}' on '${object}' grants '${action}'` }
    : { code: 'no_graph_roles', reason: `user '${user.key}' has no role on any resource instance` };
}

function abacFinding({ user, action, resource }: EngineQuestion, { abac }: EngineDecision): Finding {
  if (abac.rule) {
    const { userSet, resourceSet } = abac.rule;
    const reason = `user set '${userSet}' may '${action}' on resource set '${resourceSet}'`;
    return { code: 'allow', reason };
  }
  return {
    code: abac.code,
    reason: `no condition set rule lets user '${user.key}' '${action}' on this '${resource.type}'`,
  };
}
