import { Counter, Histogram, type Registry } from 'prom-client';
import { ProblemError } from '../errors.ts';

/** Counts deliveries by what they were answered with. Without a registry it counts nothing. */
export function createWebhookMetrics(
  registry: Registry | undefined,
): (outcome: string, seconds: number) => void {
  if (!registry) return () => undefined;
  const registers = [registry];
  const deliveries = new Counter({
    name: 'elp_webhook_deliveries_total',
    help: 'Webhook deliveries by outcome: stored, duplicate, ignored, dead, or the code of the refusal',
    labelNames: ['outcome'],
    registers,
  });
  const duration = new Histogram({
    name: 'elp_webhook_seconds',
    help: 'From the request to the answer that it is stored',
    buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers,
  });
  return (outcome, seconds) => {
    deliveries.inc({ outcome });
    duration.observe(seconds);
  };
}

/** How a refusal is called in the metrics. */
export function outcomeOf(error: unknown): string {
  return error instanceof ProblemError ? error.code : 'internal_error';
}
