import type { Logger } from 'pino';
import { Counter, Histogram, type Registry } from 'prom-client';
import { UpstreamUnavailable } from '../errors.ts';
import type { DecisionEngine } from '../permission/decision-engine.ts';

/** Counts and times the calls to the PDP, and logs those that fail with the code that tells why. */
export function observedEngine(
  engine: DecisionEngine,
  options: { log: Logger; metrics?: Registry },
): DecisionEngine {
  const { log, metrics } = options;
  const meter = metrics ? meterOf(metrics) : undefined;

  async function observed<T>(endpoint: string, call: Promise<T>): Promise<T> {
    const startedAt = performance.now();
    try {
      const answer = await call;
      meter?.(endpoint, 'ok', startedAt);
      return answer;
    } catch (error) {
      const outcome = error instanceof UpstreamUnavailable ? error.logCode : 'unforeseen';
      meter?.(endpoint, outcome, startedAt);
      if (outcome === 'permit_key_refused') log.error({ outcome, endpoint }, 'the PDP refuses our API key');
      else log.warn({ outcome, endpoint, err: error }, 'PDP call failed');
      throw error;
    }
  }

  return {
    ...engine,
    askOne: (question, deadlineAt) => observed('allowed', engine.askOne(question, deadlineAt)),
    askMany: (questions, deadlineAt) => observed('bulk', engine.askMany(questions, deadlineAt)),
    permissionsOf: (query, deadlineAt) =>
      observed('user-permissions', engine.permissionsOf(query, deadlineAt)),
  };
}

function meterOf(metrics: Registry) {
  // A registry keeps one metric of a name; a second checker on the same registry shares it.
  const calls =
    (metrics.getSingleMetric('elp_pdp_calls_total') as Counter | undefined) ??
    new Counter({
      name: 'elp_pdp_calls_total',
      help: 'Calls to the PDP by endpoint and outcome',
      labelNames: ['endpoint', 'outcome'],
      registers: [metrics],
    });
  const seconds =
    (metrics.getSingleMetric('elp_pdp_call_seconds') as Histogram | undefined) ??
    new Histogram({
      name: 'elp_pdp_call_seconds',
      help: 'Time of a call to the PDP',
      labelNames: ['endpoint'],
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1],
      registers: [metrics],
    });
  return (endpoint: string, outcome: string, startedAt: number): void => {
    calls.inc({ endpoint, outcome });
    seconds.observe({ endpoint }, (performance.now() - startedAt) / 1000);
  };
}
