import type { Clock } from '../clock.ts';
import type { Database } from '../database/database.ts';
import type { ReconcileReport } from './reconcile-report.ts';

const KEPT = 100;

/** What the last reconciles found, for the operator and for the next instance's timer. */
export function createRunLog(database: Database, clock: Clock) {
  const now = () => new Date(clock.now());
  return {
    async begin(dryRun: boolean): Promise<string> {
      const { rows } = await database.query<{ id: string }>(
        'insert into elp.reconcile_run (started_at, dry_run) values ($1, $2) returning id',
        [now(), dryRun],
      );
      await database.query(
        `delete from elp.reconcile_run where id <= (select max(id) from elp.reconcile_run) - $1`,
        [KEPT],
      );
      return rows[0]?.id ?? '';
    },
    async end(id: string, report: ReconcileReport): Promise<void> {
      await database.query(
        'update elp.reconcile_run set finished_at = $2, outcome = $3, report = $4::jsonb where id = $1',
        [id, now(), report.outcome, JSON.stringify(report)],
      );
    },
    async last(): Promise<(ReconcileReport & { finishedAt: string }) | undefined> {
      const { rows } = await database.query<{ report: ReconcileReport; finished_at: Date }>(
        'select report, finished_at from elp.reconcile_run where finished_at is not null order by id desc limit 1',
      );
      return rows[0] && { ...rows[0].report, finishedAt: rows[0].finished_at.toISOString() };
    },
    /**
     * When the last run that could change something ended, well or refused; one that died with its process or the
     * database counts for nothing. `now` while one is under way.
     */
    async lastEndedMs(): Promise<number | undefined> {
      const { rows } = await database.query<{ finished_at: Date | null; under_way: boolean }>(
        `select (select finished_at from elp.reconcile_run where not dry_run and finished_at is not null
                 order by id desc limit 1) as finished_at,
                exists (select from elp.reconcile_lease where until > clock_timestamp()) as under_way`,
      );
      return rows[0]?.under_way ? clock.now() : rows[0]?.finished_at?.getTime();
    },
  };
}

export type RunLog = ReturnType<typeof createRunLog>;
