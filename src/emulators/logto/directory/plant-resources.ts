import type { Seed } from '../../seed.ts';
import { stableId } from './ids.ts';
import type { ScopeRecord } from './records.ts';
import type { Directory } from './tables.ts';

export const MANAGEMENT_API = 'https://default.logto.app/api';

/** Writes the API resources and scopes that are not there yet, and returns these scopes. */
export function plantResources({ resources, scopes }: Directory, seed: Seed, now: number): ScopeRecord[] {
  const planted: ScopeRecord[] = [];
  for (const [indicator, names] of Object.entries({ ...seed.apiResources, [MANAGEMENT_API]: ['all'] })) {
    const management = indicator === MANAGEMENT_API;
    const resource =
      resources.find((row) => row.indicator === indicator) ??
      resources.put({
        id: management ? 'management-api' : stableId(`resource ${indicator}`, 21),
        name: management ? 'Logto Management API' : indicator,
        indicator,
        isDefault: false,
        accessTokenTtl: 3600,
      });
    const known = scopes.all().filter(({ resourceId }) => resourceId === resource.id);
    for (const name of names.filter((wanted) => !known.some((scope) => scope.name === wanted)))
      planted.push(
        scopes.put({
          id: management ? 'management-api-all' : stableId(`${indicator} ${name}`, 21),
          resourceId: resource.id,
          name,
          description: name,
          createdAt: now,
        }),
      );
  }
  return planted;
}

/**
 * On kept state: what the configuration names and the store lacks, with the seeded roles' share of it. What
 * somebody changed about the rest stays as it is.
 */
export function plantNewResources(directory: Directory, seed: Seed, now: number): void {
  const { roles, organizationRoles } = directory;
  const planted = plantResources(directory, seed, now);
  const joined = (held: readonly string[], added: readonly string[]) => [...new Set([...held, ...added])];
  for (const name of seed.roles) {
    const added = scopeIdsFor(name, planted);
    for (const id of [`role ${name}`, `role ${name} machine`].map((text) => stableId(text, 21)))
      roles.patch(id, { scopeIds: joined(roles.get(id)?.scopeIds ?? [], added) });
    for (const id of [`orgrole ${name}`, `orgrole ${name} machine`].map((text) => stableId(text, 21)))
      organizationRoles.patch(id, {
        resourceScopeIds: joined(organizationRoles.get(id)?.resourceScopeIds ?? [], added),
      });
  }
}

/** Viewers read; everybody else has every scope of the API resources. */
export function scopeIdsFor(role: string, scopes: readonly ScopeRecord[]): string[] {
  return scopes
    .filter((scope) => role !== 'viewer' || scope.name.startsWith('read:'))
    .map((scope) => scope.id);
}
