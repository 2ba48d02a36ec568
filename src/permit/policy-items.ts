import type { PolicyInput } from '../permission/policy.ts';

/** In the order in which they can be made; they are removed in the opposite one. */
export const POLICY_KINDS = [
  'resource',
  'action',
  'attribute',
  'relation',
  'role',
  'grant',
  'resource-role',
  'resource-grant',
  'derivation',
  'user-attribute',
  'user-set',
  'resource-set',
  'rule',
] as const;
export type PolicyKind = (typeof POLICY_KINDS)[number];

/** One fact of a policy. Kind and path say which, `value` what can change about it. */
export type PolicyItem = { kind: PolicyKind; path: readonly string[]; value?: unknown };

/** Same id, same fact. Keys hold no slash, and permissions are the last part of a path. */
export function itemId({ kind, path }: PolicyItem): string {
  return `${kind} ${path.join('/')}`;
}

/** A catalogue as single facts. Pure. */
export function itemsOfPolicy(policy: PolicyInput): PolicyItem[] {
  const resources = Object.entries(policy.resources).flatMap(([key, resource]): PolicyItem[] => [
    { kind: 'resource', path: [key], value: resource.name ?? key },
    ...resource.actions.map((action): PolicyItem => ({ kind: 'action', path: [key, action] })),
    ...entries('attribute', key, resource.attributes),
    ...entries('relation', key, resource.relations),
    ...Object.entries(resource.roles ?? {}).flatMap(([role, actions]): PolicyItem[] => [
      { kind: 'resource-role', path: [key, role] },
      ...actions.map((action): PolicyItem => ({ kind: 'resource-grant', path: [key, role, action] })),
    ]),
    ...(resource.derivations ?? []).map(
      ({ role, from, by }): PolicyItem => ({
        kind: 'derivation',
        path: [key, role, from.resource, from.role, by],
      }),
    ),
  ]);
  const roles = Object.entries(policy.roles).flatMap(([role, permissions]): PolicyItem[] => [
    { kind: 'role', path: [role] },
    ...permissions.map((permission): PolicyItem => ({ kind: 'grant', path: [role, permission] })),
  ]);
  return [
    ...resources,
    ...roles,
    ...Object.entries(policy.userAttributes ?? {}).map(
      ([name, type]): PolicyItem => ({ kind: 'user-attribute', path: [name], value: type }),
    ),
    ...Object.entries(policy.userSets ?? {}).map(
      ([key, { conditions }]): PolicyItem => ({ kind: 'user-set', path: [key], value: { conditions } }),
    ),
    ...Object.entries(policy.resourceSets ?? {}).map(
      ([key, { resource, conditions }]): PolicyItem => ({
        kind: 'resource-set',
        path: [key],
        value: { resource, conditions },
      }),
    ),
    ...(policy.rules ?? []).map(
      ({ userSet, permission, resourceSet }): PolicyItem => ({
        kind: 'rule',
        path: [userSet, resourceSet, permission],
      }),
    ),
  ];
}

function entries(
  kind: PolicyKind,
  resource: string,
  values: Readonly<Record<string, string>> = {},
): PolicyItem[] {
  return Object.entries(values).map(([name, value]) => ({ kind, path: [resource, name], value }));
}
