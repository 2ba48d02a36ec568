import { Counter, type Registry } from 'prom-client';

export type SessionEvent =
  | 'signed_in'
  | 'sign_in_failed'
  | 'signed_out'
  | 'organization_switched'
  | 'refreshed'
  | 'refresh_refused'
  | 'refresh_failed'
  | 'ended_by_logto'
  | 'ended_by_revocation';

export type CountSessionEvent = (event: SessionEvent, times?: number) => void;

/** Counts what happens to browser sessions; nothing is registered without a registry. */
export function createSessionMetrics(registry: Registry | undefined): CountSessionEvent {
  const events =
    registry &&
    new Counter({
      name: 'elp_session_events_total',
      help: 'What happened to browser sessions, by event',
      labelNames: ['event'],
      registers: [registry],
    });
  return (event, times = 1) => events?.inc({ event }, times);
}
