import type { Store } from '../../store/store.ts';
import type {
  ApplicationRecord,
  HookRecord,
  OrganizationRecord,
  OrganizationRoleRecord,
  OrganizationScopeRecord,
  ResourceRecord,
  RoleRecord,
  ScopeRecord,
  UserRecord,
} from './records.ts';

export type Table<Row extends { id: string }> = {
  get(id: string | undefined): Row | undefined;
  put(row: Row): Row;
  /** The changed row, or `undefined` when there is none. */
  patch(id: string, changes: Partial<Row>): Row | undefined;
  delete(id: string): boolean;
  /** Oldest first. */
  all(): Row[];
  find(matches: (row: Row) => boolean): Row | undefined;
  count(): number;
};

export function openTable<Row extends { id: string }>(store: Store, name: string): Table<Row> {
  const table: Table<Row> = {
    get: (id) => (id === undefined ? undefined : store.get<Row>(name, id)),
    put(row) {
      store.put(name, row.id, row);
      return row;
    },
    patch(id, changes) {
      const row = store.get<Row>(name, id);
      return row && table.put({ ...row, ...changes });
    },
    delete: (id) => store.delete(name, id),
    all: () => store.all<Row>(name).map(([, row]) => row),
    find: (matches) => table.all().find(matches),
    count: () => store.count(name),
  };
  return table;
}

export type Directory = ReturnType<typeof openDirectory>;

/** People, applications, roles and what belongs to them. */
export function openDirectory(store: Store) {
  return {
    users: openTable<UserRecord>(store, 'users'),
    applications: openTable<ApplicationRecord>(store, 'applications'),
    roles: openTable<RoleRecord>(store, 'roles'),
    organizations: openTable<OrganizationRecord>(store, 'organizations'),
    organizationRoles: openTable<OrganizationRoleRecord>(store, 'organizationRoles'),
    organizationScopes: openTable<OrganizationScopeRecord>(store, 'organizationScopes'),
    resources: openTable<ResourceRecord>(store, 'resources'),
    scopes: openTable<ScopeRecord>(store, 'scopes'),
    hooks: openTable<HookRecord>(store, 'hooks'),
  };
}
