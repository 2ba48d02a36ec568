import type { PermissionMap } from '../permission/checker.ts';

/**
 * What the PDP may say. Only a literal boolean is a decision; everything else is `undefined`, which callers
 * answer with 503. The vendor's own client hands `"false"` and `1` on as they come.
 */
export function parseDecision(answer: unknown): boolean | undefined {
  const allow = isRecord(answer) && Object.hasOwn(answer, 'allow') ? answer.allow : undefined;
  return typeof allow === 'boolean' ? allow : undefined;
}

/** One decision for each question, in their order; one odd item spoils the whole answer. */
export function parseDecisions(answer: unknown, count: number): boolean[] | undefined {
  const list = isRecord(answer) && Object.hasOwn(answer, 'allow') ? answer.allow : undefined;
  if (!Array.isArray(list) || list.length !== count) return undefined;
  const decisions: boolean[] = [];
  for (const item of list) {
    const decision = parseDecision(item);
    if (decision === undefined) return undefined;
    decisions.push(decision);
  }
  return decisions;
}

/** `/user-permissions`: a map of entries, each with permissions and roles. */
export function parsePermissionMap(answer: unknown): PermissionMap | undefined {
  if (!isRecord(answer)) return undefined;
  const map: PermissionMap = Object.create(null);
  for (const [key, entry] of Object.entries(answer)) {
    if (!isRecord(entry) || !isTextList(entry.permissions)) return undefined;
    const roles = entry.roles ?? [];
    const tenant = entry.tenant ?? undefined;
    const resource = entry.resource ?? undefined;
    if (!isTextList(roles) || (tenant !== undefined && !hasText(tenant, 'key'))) return undefined;
    if (resource !== undefined && !(hasText(resource, 'type') && hasText(resource, 'key'))) return undefined;
    map[key] = {
      ...(tenant === undefined ? {} : { tenant: { key: (tenant as { key: string }).key } }),
      ...(resource === undefined ? {} : { resource: resource as { type: string; key: string } }),
      permissions: entry.permissions,
      roles,
    };
  }
  return map;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isTextList(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

function hasText(value: unknown, member: string): boolean {
  return isRecord(value) && typeof value[member] === 'string';
}
