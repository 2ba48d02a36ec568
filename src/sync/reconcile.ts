import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';
import type { Database } from '../database/database.ts';
import { type Progress, readDirectory, readLogto } from './census.ts';
import { readBooks } from './census-books.ts';
import { isRefusedInput } from './directory-error.ts';
import { createLedger, type Ledger } from './ledger.ts';
import { confirmMissing } from './missing.ts';
import { planReconcile, type ReconcilePlan } from './plan-reconcile.ts';
import { planTenants, type TenantPlan } from './plan-tenants.ts';
import type { Directory, IdentitySource } from './ports.ts';
import { applyPlan } from './reconcile-apply.ts';
import { createReconcileBooks } from './reconcile-books.ts';
import { takeReconcileLease } from './reconcile-lease.ts';
import { type ReconcileReport, type Refusal, reportOf, SHOWN } from './reconcile-report.ts';
import { createRunLog } from './reconcile-runs.ts';
import { type ReplayDelivery, replayFailedDeliveries } from './replay-failed.ts';
import type { RoleNames } from './role-names.ts';
import type { SubjectStore } from './subject-store.ts';
import type { TenantBook } from './tenant-book.ts';

export type ReconcileOptions = {
  /** Reads and plans, writes nothing. */
  dryRun?: boolean;
  /** Share of the known users that may be deleted at once, 0 to 1; five are always allowed. */
  maxDeletes?: number;
  onProgress?: Progress;
};

export type ReconcileRoom = {
  database: Database;
  store: SubjectStore;
  tenants: TenantBook;
  directory: Directory;
  identities: IdentitySource;
  roleNames: RoleNames;
  defaults: { tenant: string; role: string };
  touch(subject: string): Promise<void>;
  onRolesChanged(change: { user?: string; tenant?: string }): Promise<void>;
  replayDelivery: ReplayDelivery | undefined;
  clock: Clock;
  log: Logger;
};

/** More would be deleted than `maxDeletes` allows: nothing at all was changed. */
export class ReconcileRefused extends Error {
  readonly report: ReconcileReport;
  constructor(report: ReconcileReport) {
    super(`${report.deletions.candidates} deletions are more than the ${report.deletions.limit} allowed`);
    this.name = 'ReconcileRefused';
    this.report = report;
  }
}

const ALWAYS_ALLOWED = 5;
const DEFAULT_SHARE = 0.1;

type Findings = {
  ledger: Ledger;
  plan: ReconcilePlan;
  tenantPlan: TenantPlan;
  conflicts: string[][];
  known: number;
};

/**
 * Compares all of Logto with all of the directory and mends the difference. What no webhook tells (roles), and
 * what no webhook told because nobody was listening, comes in this way.
 */
export function createReconcile(room: ReconcileRoom) {
  const { database, directory, identities, roleNames, defaults, log, clock } = room;
  const books = createReconcileBooks(database, clock);
  const runs = createRunLog(database, clock);

  async function look(progress: Progress): Promise<Findings> {
    const ledger = createLedger();
    const maps = await roleNames.maps([], true);
    const booked = await readBooks(database, ledger);
    const present = await readDirectory(directory, { ledger, progress });
    const listed = await readLogto(identities, maps, defaults.tenant, { ledger, progress });
    const known = [...ledger.entries.values()].filter(
      (e) => e.state !== undefined && e.state !== 'deleted',
    ).length;
    return {
      ledger,
      plan: planReconcile(ledger.entries),
      tenantPlan: planTenants({ booked, present, listed, defaultTenant: defaults.tenant }),
      conflicts: [...maps.global.conflicts, ...maps.organization.conflicts],
      known,
    };
  }

  async function mendTenants(tenantPlan: TenantPlan, onRefused: (refusal: Refusal) => void): Promise<void> {
    for (const tenant of tenantPlan.upsert) {
      try {
        await directory.upsertTenant(tenant);
        await room.tenants.note(tenant.key);
      } catch (error) {
        // One that can never go through must not keep everybody else's roles as they are.
        if (!isRefusedInput(error)) throw error;
        log.error({ tenant: tenant.key, cause: error.message }, 'reconcile: the directory refuses a tenant');
        onRefused({ subject: `organization:${tenant.key}`, why: error.message });
      }
    }
    for (const id of tenantPlan.look) await room.touch(`organization:${id}`);
  }

  async function run(options: ReconcileOptions): Promise<ReconcileReport> {
    const lease = await takeReconcileLease(database);
    const startedMs = clock.now();
    const progress: Progress = async (step) => {
      lease.hold();
      await options.onProgress?.(step);
    };
    try {
      const dryRun = options.dryRun ?? false;
      const id = await runs.begin(dryRun);
      const found = await look(progress);
      const limit = Math.max(ALWAYS_ALLOWED, Math.floor(found.known * (options.maxDeletes ?? DEFAULT_SHARE)));
      const candidates = found.plan.missing.length + found.tenantPlan.missing.length;
      const report = reportOf({ ...found, limit, candidates, dryRun, startedMs });
      if (candidates > limit) {
        report.outcome = 'refused';
        await runs.end(id, report);
        throw new ReconcileRefused(report);
      }
      if (!dryRun) await mend(found, report, progress);
      report.tookMs = clock.now() - startedMs;
      await runs.end(id, report);
      log.info({ changes: report.changes, deletions: report.deletions, dryRun }, 'reconcile');
      return report;
    } finally {
      await lease.release();
    }
  }

  async function mend(found: Findings, report: ReconcileReport, progress: Progress): Promise<void> {
    const onRefused = (refusal: Refusal) => {
      if (report.refused.length < SHOWN) report.refused.push(refusal);
    };
    await mendTenants(found.tenantPlan, onRefused);
    const { touched } = await applyPlan(found.plan, {
      ...room,
      books,
      ledger: found.ledger,
      onRefused,
      progress,
    });
    report.touched = touched;
    const confirmed = await confirmMissing({
      ...room,
      books,
      plan: found.plan,
      tenantPlan: found.tenantPlan,
      progress,
    });
    report.deletions.confirmed = confirmed.deleted;
    report.deletions.waiting = confirmed.waiting;
    report.replayed = await replayFailedDeliveries({ ...room, sinceMs: clock.now() - 86_400_000 });
  }

  return {
    run,
    lastReport: () => runs.last(),
  };
}

export type Reconcile = ReturnType<typeof createReconcile>;
