import { Counter, Gauge, Histogram, Registry } from 'prom-client';

/** What sync counts; names begin with `elp_`. */
export function createSyncMetrics(registry: Registry = new Registry()) {
  const registers = [registry];
  return {
    worked: new Counter({
      name: 'elp_sync_subjects_total',
      help: 'Subjects that a worker finished or gave back',
      labelNames: ['kind', 'outcome'],
      registers,
    }),
    steps: new Counter({
      name: 'elp_sync_steps_total',
      help: 'Writes to the directory by kind',
      labelNames: ['step'],
      registers,
    }),
    lagSeconds: new Histogram({
      name: 'elp_sync_lag_seconds',
      help: 'From a delivery being stored to its effect in the directory',
      buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 300, 3600],
      registers,
    }),
    provisioned: new Counter({
      name: 'elp_sync_provisioned_total',
      help: 'Users made at their first request',
      labelNames: ['outcome'],
      registers,
    }),
    reconciles: new Counter({
      name: 'elp_reconcile_runs_total',
      help: 'Reconciles by outcome',
      labelNames: ['outcome'],
      registers,
    }),
    reconcileSeconds: new Histogram({
      name: 'elp_reconcile_duration_seconds',
      help: 'Duration of a reconcile',
      buckets: [1, 5, 30, 60, 300, 1800, 3600],
      registers,
    }),
    drift: new Gauge({
      name: 'elp_drift',
      help: 'Differences at the last look: missing or other than at Logto, and in the directory without being known',
      labelNames: ['direction', 'kind'],
      registers,
    }),
    lastReconcile: new Gauge({
      name: 'elp_reconcile_last_success_timestamp_seconds',
      help: 'When the last reconcile ended well',
      registers,
    }),
  };
}

export type SyncMetrics = ReturnType<typeof createSyncMetrics>;
