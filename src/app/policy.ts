import { definePolicy } from '../index.ts';

/**
 * The reference application's policy. A role in a tenant is about everything in that tenant; `owner` and
 * `reader` are held on one report: the creator gets the first, sharing gives the second.
 */
export const policy = definePolicy({
  resources: {
    reports: {
      name: 'Reports',
      actions: ['view', 'create', 'edit', 'delete', 'publish', 'share'],
      roles: {
        owner: ['view', 'edit', 'delete', 'publish', 'share'],
        reader: ['view'],
      },
    },
    members: { name: 'Members', actions: ['view', 'manage'] },
    operations: { name: 'Operations', actions: ['view', 'operate'] },
  },
  roles: {
    admin: [
      'reports:view',
      'reports:create',
      'reports:edit',
      'reports:delete',
      'reports:publish',
      'reports:share',
      'members:view',
      'members:manage',
      'operations:view',
      'operations:operate',
    ],
    editor: ['reports:view', 'reports:create', 'reports:edit', 'reports:publish'],
    viewer: ['reports:view'],
  },
});
