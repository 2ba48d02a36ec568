/** A policy with everything the emulator knows: tenant roles, instance roles, a derivation, condition sets. */
export const examplePolicy = {
  resources: {
    reports: {
      actions: ['view', 'create', 'edit', 'delete'],
      attributes: { private: 'bool' },
      roles: { owner: ['view', 'edit', 'delete'], reader: ['view'] },
      relations: { parent: 'folders' },
      derivations: [{ role: 'reader', from: { resource: 'folders', role: 'keeper' }, by: 'parent' }],
    },
    folders: { actions: ['open'], roles: { keeper: ['open'] } },
  },
  roles: {
    admin: ['reports:view', 'reports:create', 'reports:edit', 'reports:delete', 'folders:open'],
    editor: ['reports:view', 'reports:create', 'reports:edit'],
    viewer: ['reports:view'],
  },
  userAttributes: { department: 'string' },
  userSets: { finance: { conditions: { 'user.department': { equals: 'finance' } } } },
  resourceSets: {
    open_reports: { resource: 'reports', conditions: { 'resource.private': { equals: false } } },
  },
  rules: [{ userSet: 'finance', permission: 'reports:edit', resourceSet: 'open_reports' }],
} as const;
