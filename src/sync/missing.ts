import type { Progress } from './census.ts';
import { subjectOfKey } from './census-books.ts';
import type { ReconcilePlan } from './plan-reconcile.ts';
import type { TenantPlan } from './plan-tenants.ts';
import type { IdentitySource } from './ports.ts';
import type { ReconcileBooks } from './reconcile-books.ts';
import { organizationSubject } from './tenant-book.ts';

/** A list that shifted, a replica that lags: one look is not enough to take a life. */
export const SECOND_LOOK_AFTER_MS = 60_000;

/**
 * Asks Logto for each user and organization that its lists no longer have. The second 404, a minute after the
 * first, makes the tombstone; the subject's worker deletes.
 */
export async function confirmMissing(options: {
  plan: ReconcilePlan;
  tenantPlan: TenantPlan;
  identities: IdentitySource;
  books: ReconcileBooks;
  touch(subject: string): Promise<void>;
  progress: Progress;
}): Promise<{ deleted: number; waiting: number }> {
  const { plan, tenantPlan, identities, books, touch, progress } = options;
  const suspects = [
    ...plan.missing.map((key) => ({ subject: subjectOfKey(key), ask: () => identities.user(key) })),
    ...tenantPlan.missing.map((id) => ({
      subject: organizationSubject(id),
      ask: () => identities.organization(id),
    })),
  ];
  const gone: string[] = [];
  const there: string[] = [];
  for (const [index, { subject, ask }] of suspects.entries()) {
    ((await ask()) ? there : gone).push(subject);
    await progress({ phase: 'deletions', done: index + 1, total: suspects.length });
  }
  await books.foundAllBut(gone);
  const twice = await books.missing(gone, SECOND_LOOK_AFTER_MS);
  await books.bury([...twice]);
  for (const subject of [...twice, ...there]) await touch(subject);
  return { deleted: twice.size, waiting: gone.length - twice.size };
}
