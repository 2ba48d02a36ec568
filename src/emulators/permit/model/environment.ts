import { type Associations, createAssociations } from './associations.ts';
import type { Ids } from './identity.ts';
import type { Journal } from './journal.ts';
import { createReplica, type Replica } from './replica.ts';
import { republish } from './republish.ts';
import type {
  AssignmentRow,
  ConditionSetRow,
  InstanceRow,
  ResourceRow,
  RoleRow,
  RuleRow,
  TenantRow,
  TupleRow,
  UserRow,
} from './rows.ts';
import { createTable, type Table } from './table.ts';

/** What Permit's public material leaves open. */
export type Settings = {
  /** What assigning a role twice answers: 409, or the assignment that is there. */
  duplicateAssignment: 'refuse' | 'accept';
  /** Whether two users may have one e-mail. */
  uniqueEmails: boolean;
  /** Whether conditions may use only attributes that are declared. */
  declaredAttributes: boolean;
};

/** One environment of the control plane, and the replica that its decision point answers from. */
export type Environment = {
  readonly id: string;
  readonly organizationId: string;
  readonly projectId: string;
  users: Table<UserRow>;
  tenants: Table<TenantRow>;
  roles: Table<RoleRow>;
  resources: Table<ResourceRow>;
  /** Indexed by `resource` and `tenant`. */
  instances: Table<InstanceRow>;
  /** Indexed by `user` and `instance`; those of a tenant are found by the users who belong to it. */
  assignments: Table<AssignmentRow>;
  associations: Associations;
  /** Indexed by `subject`, `object` and `tenant`. */
  tuples: Table<TupleRow>;
  conditionSets: Table<ConditionSetRow>;
  rules: Table<RuleRow>;
  readonly replica: Replica;
  readonly settings: Settings;
  newId(): string;
  stamp(): string;
  /** Several writes as one, against a crash in between. */
  batch<T>(work: () => T): T;
  /** Empties every table. */
  clear(): void;
};

export type EnvironmentOptions = {
  id: string;
  organizationId: string;
  projectId: string;
  journal: Journal;
  ids: Ids;
  stamp: () => string;
  propagationDelayMs: number;
  settings: Settings;
};

export function createEnvironment(options: EnvironmentOptions): Environment {
  const { id, journal, ids, stamp } = options;
  const tables: { clear(): void }[] = [];
  const table = <Row extends { readonly key: string; readonly id: string }>(
    name: string,
    indexes: Readonly<Record<string, (row: Row) => string | undefined>> = {},
    settings: { byId?: boolean } = {},
  ): Table<Row> => {
    const made = createTable<Row>(journal, `${id}/${name}`, indexes, settings);
    made.restore();
    tables.push(made);
    return made;
  };

  const associations = createAssociations(journal, `${id}/associations`);
  associations.restore();
  tables.push(associations);

  const environment: Environment = {
    id,
    organizationId: options.organizationId,
    projectId: options.projectId,
    users: table('users', { email: (row) => row.email ?? undefined }),
    tenants: table('tenants'),
    roles: table('roles'),
    resources: table('resources'),
    instances: table('instances', { resource: (row) => row.resource, tenant: (row) => row.tenant }),
    assignments: table(
      'assignments',
      { user: (row) => row.user, instance: (row) => row.instance ?? undefined },
      { byId: false },
    ),
    associations,
    tuples: table('tuples', {
      subject: (row) => row.subject,
      object: (row) => row.object,
      tenant: (row) => row.tenant,
    }),
    conditionSets: table('condition_sets'),
    rules: table('rules'),
    replica: createReplica(options.propagationDelayMs),
    settings: options.settings,
    newId: ids.next,
    stamp,
    batch: journal.batch,
    clear: () => {
      for (const made of tables) made.clear();
    },
  };
  republish(environment);
  return environment;
}
