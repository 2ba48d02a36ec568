/**
 * The policy catalogue: the one list of resources, actions, roles, relations and condition sets.
 * (Shape only here; `definePolicy` validates it and types the guards.)
 */
export type PolicyResource = {
  name?: string;
  actions: readonly string[];
  /** Attribute name → Permit attribute type. */
  attributes?: Readonly<
    Record<string, 'bool' | 'number' | 'string' | 'time' | 'array' | 'json' | 'object' | 'object_array'>
  >;
  /** Instance roles: role → actions on that instance. */
  roles?: Readonly<Record<string, readonly string[]>>;
  /** Relation → subject resource type. */
  relations?: Readonly<Record<string, string>>;
  /** ReBAC: `role` on this type is derived from `from` on the subject over `by`. */
  derivations?: readonly { role: string; from: { resource: string; role: string }; by: string }[];
};

export type PolicyInput = {
  resources: Readonly<Record<string, PolicyResource>>;
  /** Tenant roles: role → `resource:action`. */
  roles: Readonly<Record<string, readonly string[]>>;
  userAttributes?: Readonly<Record<string, string>>;
  userSets?: Readonly<Record<string, { name?: string; conditions: unknown }>>;
  resourceSets?: Readonly<Record<string, { name?: string; resource: string; conditions: unknown }>>;
  rules?: readonly { userSet: string; permission: string; resourceSet: string }[];
};
