import type { RequestHandler } from 'express';
import type { Gate } from '../index.ts';
import type { policy } from './policy.ts';
import type { ReportStore } from './reports/report-store.ts';

export type AppGate = Gate<typeof policy>;

/** What the route files share. */
export type AppParts = {
  gate: AppGate;
  reports: ReportStore;
  /** Session or access token, then the caller's share of requests. */
  authenticated: RequestHandler[];
  defaultTenant: string;
};
