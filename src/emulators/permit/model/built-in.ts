import type { Environment } from './environment.ts';
import { blankResource } from './resources.ts';
import { createTenants } from './tenants.ts';

/** What a new environment has: the tenant `default`, and the resources that user and tenant attributes hang on. */
export function addBuiltIns(env: Environment, defaultTenant = 'default'): void {
  env.batch(() => {
    for (const [key, name] of [
      ['__user', 'User'],
      ['__tenant', 'Tenant'],
    ] as const) {
      const attributes = (key === '__user' ? ['key', 'email', 'first_name', 'last_name'] : ['key']).map(
        (attribute) => ({
          id: env.newId(),
          key: attribute,
          type: 'string' as const,
          description: null,
          built_in: true,
          created_at: env.stamp(),
          updated_at: env.stamp(),
        }),
      );
      env.resources.put({ ...blankResource(env, key), name, built_in: true, attributes });
    }
    createTenants(env, [{ key: defaultTenant, name: 'Default Tenant' }]);
  });
}
