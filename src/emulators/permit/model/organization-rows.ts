export type ProjectRow = {
  readonly id: string;
  readonly key: string;
  urn_namespace: string | null;
  name: string;
  description: string | null;
  settings: unknown;
  active_policy_repo_id: string | null;
  created_at: string;
  updated_at: string;
};

/** `key` is `<project> <slug>`: environments of two projects may share a slug. */
export type EnvironmentRow = {
  readonly id: string;
  readonly key: string;
  readonly slug: string;
  readonly project: string;
  name: string;
  description: string | null;
  custom_branch_name: string | null;
  jwks: unknown;
  settings: unknown;
  created_at: string;
  updated_at: string;
};

/** `key` is the secret itself; `project` and `environment` are ids and say how far it reaches. */
export type KeyRow = {
  readonly id: string;
  readonly key: string;
  level: 'org' | 'project' | 'env';
  access: 'admin' | 'write' | 'read' | 'no_access';
  /** Absent in folders of earlier versions. */
  owner?: 'pdp_config' | 'member' | 'elements';
  project: string | null;
  environment: string | null;
  name: string | null;
  created_at: string;
};
