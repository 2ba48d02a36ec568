import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { Principal } from '../auth/principal.ts';
import type { Clock } from '../clock.ts';
import { inBackground } from '../database/background.ts';
import type { Database } from '../database/database.ts';
import { ConfigurationError, UpstreamUnavailable } from '../errors.ts';
import type { SubjectWork } from '../inbox/letter.ts';
import type { Queue } from '../inbox/queue.ts';
import { type Consequences, createApplySubject } from './apply-subject.ts';
import type { Progress } from './census.ts';
import { asOutage } from './directory-error.ts';
import { type HandedOver, waitForHandedOver } from './handed-over.ts';
import { createOrganizationWorker } from './organization-worker.ts';
import type { Directory, IdentitySource } from './ports.ts';
import { createProvision } from './provision.ts';
import { createReconcile, type ReconcileOptions, ReconcileRefused } from './reconcile.ts';
import { ReconcileBusy } from './reconcile-lease.ts';
import type { ReconcileReport } from './reconcile-report.ts';
import { createReconcileTimer } from './reconcile-timer.ts';
import type { ReplayDelivery } from './replay-failed.ts';
import { createRoleNames } from './role-names.ts';
import { createSubjectStore } from './subject-store.ts';
import { createSyncMetrics } from './sync-metrics.ts';
import { outcomeOf } from './sync-outcome.ts';
import { createTenantBook } from './tenant-book.ts';
import { createUserWorker } from './user-worker.ts';

/** What sync needs of the inbox. */
export type SyncInbox = {
  work(handle: (work: SubjectWork) => Promise<void>): unknown;
  touch(subject: string, options?: { urgent?: boolean }): Promise<unknown>;
  touchedSince(ms: number): Promise<HandedOver>;
  drain(): Promise<unknown>;
};

export type SyncOptions = Consequences & {
  database: Database;
  inbox: SyncInbox;
  queue: Queue;
  directory: Directory;
  /** Without it an event's own data decides, roles cannot be mirrored and there is no reconcile. */
  identities?: IdentitySource;
  defaults: { tenant: string; role: string };
  /** Roles of the policy; nothing else is ever given. */
  roleKeys: readonly string[];
  /** 0: only at start; -1: only by hand. */
  reconcileEveryMinutes?: number;
  /** Takes a delivery that Logto gave up. */
  replayDelivery?: ReplayDelivery;
  clock: Clock;
  log: Logger;
  metrics?: Registry;
};

export type Drift = ReconcileReport & { finishedAt: string };

export type Sync = {
  start(): Promise<void>;
  stop(): Promise<void>;
  /** For a first request that is faster than its webhook: `true` when the PDP should be asked once more. */
  provision(principal: Principal): Promise<boolean>;
  /** @throws ReconcileBusy, ReconcileRefused, UpstreamUnavailable, DirectoryError */
  reconcile(options?: ReconcileOptions): Promise<ReconcileReport>;
  /** What the last look found, in both directions; `fresh` (or none yet) looks now, without changing anything. */
  drift(options?: { fresh?: boolean }): Promise<Drift | undefined>;
  /** What became of the users that a reconcile has left to their workers; resolves when each was tried once. */
  handedOver(report: ReconcileReport, options?: { onProgress?: Progress }): Promise<HandedOver>;
  /** For tests: resolves when nothing is left to work. */
  settled(): Promise<void>;
};

/**
 * Keeps the directory in step with Logto: a worker for each subject that a letter speaks of, users at their
 * first request, and a reconcile for everything that no letter tells.
 */
export function createSync(options: SyncOptions): Sync {
  const { database, inbox, queue, directory, identities, defaults, roleKeys, clock, log } = options;
  const metrics = createSyncMetrics(options.metrics);
  const store = createSubjectStore(database, clock);
  const tenants = createTenantBook({ database, store, directory });
  const roleNames = identities && createRoleNames({ identities, roleKeys, clock, log });
  const apply = createApplySubject({ ...options, store, tenants, metrics });
  const touch = async (subject: string) => {
    await inbox.touch(subject);
  };
  const shared = { store, directory, identities, roleNames, apply, defaults, touch, clock, log };
  const workUser = createUserWorker(shared);
  const provisionUser = createProvision(shared);
  const reconcile =
    identities && roleNames
      ? createReconcile({
          ...options,
          ...shared,
          identities,
          roleNames,
          tenants,
          replayDelivery: options.replayDelivery,
        })
      : undefined;
  const timer = createReconcileTimer({
    queue,
    database,
    clock,
    log,
    everyMinutes: options.reconcileEveryMinutes ?? -1,
    run,
  });
  const workOrganization = createOrganizationWorker({
    ...shared,
    requestReconcile: timer.demand,
    onRolesChanged: options.onRolesChanged,
  });

  async function run(how: ReconcileOptions = {}): Promise<ReconcileReport> {
    if (!reconcile) {
      throw new ConfigurationError([
        'LOGTO_M2M_APP_ID, LOGTO_M2M_APP_SECRET are missing: a reconcile reads all of Logto through its Management API. Example: LOGTO_M2M_APP_ID=management0000000000a',
      ]);
    }
    const stop = metrics.reconcileSeconds.startTimer();
    try {
      const report = await inBackground(() => reconcile.run(how));
      note(report);
      if (report.deletions.waiting > 0) await timer.request(61);
      return report;
    } catch (error) {
      metrics.reconciles.inc({ outcome: (error as Error).name });
      throw error;
    } finally {
      stop();
    }
  }

  function note(report: ReconcileReport): void {
    metrics.reconciles.inc({ outcome: report.dryRun ? 'dry-run' : 'done' });
    for (const [kind, count] of Object.entries(report.changes)) {
      metrics.drift.set({ direction: 'logto-to-directory', kind }, count);
    }
    for (const [kind, count] of Object.entries(report.foreign)) {
      metrics.drift.set({ direction: 'directory-to-logto', kind }, count);
    }
    if (!report.dryRun) metrics.lastReconcile.set(clock.now() / 1000);
  }

  async function handle(work: SubjectWork): Promise<void> {
    const cut = work.subject.indexOf(':');
    const kind = cut < 0 ? work.subject : work.subject.slice(0, cut);
    const id = cut < 0 ? '' : work.subject.slice(cut + 1);
    try {
      if (kind === 'user') await workUser(id, work);
      else if (kind === 'organization') await workOrganization(id, work);
      // Roles and machines have no state of their own here: who holds them is compared as a whole.
      else if (reconcile) await timer.demand();
      metrics.worked.inc({ kind, outcome: 'done' });
      for (const { receivedAt } of work.letters) {
        metrics.lagSeconds.observe(Math.max(0, clock.now() - receivedAt.getTime()) / 1000);
      }
    } catch (error) {
      const outcome = outcomeOf(error);
      metrics.worked.inc({ kind, outcome: outcome.name });
      throw outcome;
    }
  }

  let working = false;

  return {
    async start() {
      working = true;
      await inbox.work(handle);
      if (reconcile) await timer.start();
    },
    async stop() {
      working = false;
      await timer.stop();
    },
    async provision(principal) {
      try {
        const made = await provisionUser(principal);
        metrics.provisioned.inc({ outcome: made ? 'made' : 'refused' });
        return made;
      } catch (error) {
        metrics.provisioned.inc({ outcome: 'unavailable' });
        throw error;
      }
    },
    reconcile: run,
    async drift({ fresh = false } = {}) {
      if (!reconcile) return undefined;
      const last = fresh ? undefined : await reconcile.lastReport();
      if (last) return last;
      const report = await run({ dryRun: true, maxDeletes: 1 }).catch((error: unknown) => {
        // A look deletes nothing, however much is missing at Logto.
        if (error instanceof ReconcileRefused) return error.report;
        throw error instanceof ReconcileBusy
          ? new UpstreamUnavailable('permit', error.message, {
              cause: error,
              logCode: 'reconcile_busy',
              retryAfterSeconds: 30,
            })
          : asOutage(error);
      });
      return { ...report, finishedAt: new Date(clock.now()).toISOString() };
    },
    handedOver: ({ startedAt }, { onProgress = () => undefined } = {}) =>
      waitForHandedOver({
        inbox,
        sinceMs: Date.parse(startedAt),
        isWorking: () => working,
        progress: onProgress,
      }),
    async settled() {
      await inbox.drain();
    },
  };
}
