/** One question to the policy decision point, in the vendor's object form; the tenant is never left out. */
export type Question = {
  user: { key: string; attributes?: Record<string, unknown> };
  action: string;
  resource: { type: string; key?: string; tenant: string; attributes?: Record<string, unknown> };
  context?: Record<string, unknown>;
};

/** What the principal may do, as `/user-permissions` tells it: keys are `__tenant:<tenant>` and `<type>:<key>`. */
export type PermissionMap = Record<
  string,
  {
    tenant?: { key: string };
    resource?: { type: string; key: string };
    permissions: string[];
    roles: string[];
  }
>;

/** Filled in by a checker on the way, for the audit line: how the answer came about. */
export type DecisionTrace = {
  /** Questions that went out in the same call; 1 when this one went alone. */
  batched?: number;
  cached?: boolean;
};

/**
 * The port between the enforcement point (PEP) and whatever decides (PDP). Implementations answer a boolean
 * or throw `UpstreamUnavailable`; the guard still compares with `true`.
 */
export interface PermissionChecker {
  /** `fresh` bypasses a decision cache. */
  isAllowed(question: Question, options?: { fresh?: boolean; trace?: DecisionTrace }): Promise<boolean>;
  permissionsOf(query: { user: string; tenant: string; resourceTypes?: string[] }): Promise<PermissionMap>;
}
