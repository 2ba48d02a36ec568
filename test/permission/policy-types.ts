import type { RequestHandler } from 'express';
import { definePolicy } from '../../src/permission/define-policy.ts';
import type { PermittedScopes } from '../../src/permission/permitted-scope.ts';
import type { PolicyInput } from '../../src/permission/policy.ts';
import type { RequirePermission } from '../../src/permission/require-permission.ts';

const policy = definePolicy({
  resources: {
    reports: { actions: ['view', 'edit'], roles: { owner: ['view', 'edit'] } },
    operations: { actions: ['operate'] },
  },
  roles: { viewer: ['reports:view'] },
});

/** Never runs: `npm run types` is the test. */
export function typesOnly(
  requirePermission: RequirePermission<typeof policy>,
  scopes: PermittedScopes<typeof policy>,
  loose: RequirePermission<PolicyInput>,
): RequestHandler[] {
  definePolicy({
    resources: { reports: { actions: ['view'] } },
    // @ts-expect-error a role grants what nobody declared
    roles: { viewer: ['reports:veiw'] },
  });
  definePolicy({
    // @ts-expect-error an instance role holds an action that is not the resource's
    resources: { reports: { actions: ['view'], roles: { owner: ['edit'] } } },
    roles: {},
  });
  return [
    requirePermission('view', 'reports'),
    requirePermission('operate', 'operations', { tenant: 'default' }),
    loose('anything', 'goes'),
    scopes.requirePermittedScope('edit', 'reports'),
    // @ts-expect-error a misspelt action
    requirePermission('veiw', 'reports'),
    // @ts-expect-error a misspelt resource
    requirePermission('view', 'report'),
    // @ts-expect-error an action of another resource
    requirePermission('operate', 'reports'),
    // @ts-expect-error a key from anywhere but a path parameter
    requirePermission('view', 'reports', { key: 'r1' }),
    // @ts-expect-error a tenant by name
    requirePermission('view', 'reports', { tenant: 'acme' }),
    // @ts-expect-error a misspelt action of a list
    scopes.requirePermittedScope('list', 'reports'),
  ];
}
