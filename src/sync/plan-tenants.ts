import type { SubjectState } from './subject-record.ts';

export type TenantPlan = {
  upsert: { key: string; name: string }[];
  /** Has a tombstone and a tenant all the same. */
  look: string[];
  /** In the books and no longer listed by Logto. */
  missing: string[];
};

/** Which tenants have to be made, renamed or looked into. Tenants that are nobody's organization stay as they are. */
export function planTenants(from: {
  booked: ReadonlyMap<string, SubjectState>;
  present: ReadonlyMap<string, string>;
  listed: ReadonlyMap<string, string>;
  defaultTenant: string;
}): TenantPlan {
  const { booked, present, listed, defaultTenant } = from;
  const alive = [...listed].filter(([key]) => key !== defaultTenant && booked.get(key) !== 'deleted');
  return {
    upsert: alive
      .filter(([key, name]) => present.get(key) !== name || !booked.has(key))
      .map(([key, name]) => ({ key, name })),
    look: [...booked].filter(([key, state]) => state === 'deleted' && present.has(key)).map(([key]) => key),
    missing: [...booked]
      .filter(([key, state]) => state !== 'deleted' && !listed.has(key))
      .map(([key]) => key),
  };
}
