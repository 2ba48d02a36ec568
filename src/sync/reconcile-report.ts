import { roleOf } from './ledger.ts';
import { type ReconcilePlan, sizeOf } from './plan-reconcile.ts';
import type { TenantPlan } from './plan-tenants.ts';

export type ReconcileChange = {
  do:
    | 'create'
    | 'adopt'
    | 'update'
    | 'suspend'
    | 'restore'
    | 'leave'
    | 'delete'
    | 'assign'
    | 'unassign'
    | 'tenant';
  subject: string;
  tenant?: string;
  role?: string;
  why?: string;
};

/** Something that the directory will never take as it is: a person has to look. */
export type Refusal = { subject: string; why: string };

/** What a reconcile found, and what it did about it. */
export type ReconcileReport = {
  outcome: 'done' | 'refused';
  dryRun: boolean;
  startedAt: string;
  tookMs: number;
  /** Logto → directory: how many differences of each kind. Nothing to do is zero everywhere. */
  changes: Record<string, number>;
  total: number;
  /** Directory → Logto: what is there and neither Logto's nor in our books. Never touched. */
  foreign: { users: number; roles: number };
  /** Role names of Logto that share a slug and therefore map to nothing. */
  conflicts: string[][];
  deletions: { candidates: number; limit: number; confirmed: number; waiting: number };
  /** Subjects handed to their workers. */
  touched: number;
  /** Tenants and machines that the directory refused, the first of them. Users have their workers. */
  refused: Refusal[];
  /** Deliveries that Logto had given up. */
  replayed: number;
  /** The first differences, as a plan is read. */
  diff: ReconcileChange[];
};

export const SHOWN = 200;

function diffOf(plan: ReconcilePlan, tenantPlan: TenantPlan): ReconcileChange[] {
  const roleChange =
    (what: 'assign' | 'unassign') =>
    (change: { key: string; id: string }): ReconcileChange => ({
      do: what,
      subject: change.key,
      ...roleOf(change.id),
    });
  const kinds = new Map<string, ReconcileChange['do']>([
    ['suspend', 'suspend'],
    ['restore', 'restore'],
    ['leave', 'leave'],
    ['deleted', 'delete'],
    ['create', 'create'],
    ['default', 'assign'],
  ]);
  return [
    ...tenantPlan.upsert.map(({ key }): ReconcileChange => ({ do: 'tenant', subject: key })),
    ...plan.create.map((key): ReconcileChange => ({ do: 'create', subject: key })),
    ...plan.adopt.map((key): ReconcileChange => ({ do: 'adopt', subject: key })),
    ...plan.look.map(
      ({ key, why }): ReconcileChange => ({ do: kinds.get(why) ?? 'update', subject: key, why }),
    ),
    ...plan.assign.map(roleChange('assign')),
    ...plan.unassign.map(roleChange('unassign')),
    ...plan.leave.map(({ key, tenant }): ReconcileChange => ({ do: 'leave', subject: key, tenant })),
    ...[...plan.missing, ...tenantPlan.missing, ...tenantPlan.look].map(
      (key): ReconcileChange => ({ do: 'delete', subject: key }),
    ),
  ];
}

export function reportOf(from: {
  plan: ReconcilePlan;
  tenantPlan: TenantPlan;
  conflicts: string[][];
  limit: number;
  candidates: number;
  dryRun: boolean;
  startedMs: number;
}): ReconcileReport {
  const { plan, tenantPlan } = from;
  const changes: Record<string, number> = {
    tenants: tenantPlan.upsert.length + tenantPlan.look.length,
    create: plan.create.length,
    adopt: plan.adopt.length,
    look: plan.look.length,
    assign: plan.assign.length,
    unassign: plan.unassign.length,
    book: plan.note.length + plan.forget.length + plan.join.length,
    leave: plan.leave.length,
    missing: plan.missing.length + tenantPlan.missing.length,
  };
  return {
    outcome: 'done',
    dryRun: from.dryRun,
    startedAt: new Date(from.startedMs).toISOString(),
    tookMs: 0,
    changes,
    total: sizeOf(plan) + tenantPlan.upsert.length + tenantPlan.look.length + tenantPlan.missing.length,
    foreign: plan.foreign,
    conflicts: from.conflicts,
    deletions: { candidates: from.candidates, limit: from.limit, confirmed: 0, waiting: 0 },
    touched: 0,
    refused: [],
    replayed: 0,
    diff: diffOf(plan, tenantPlan).slice(0, SHOWN),
  };
}
