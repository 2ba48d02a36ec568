import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { InboxStats } from './inbox-stats.ts';
import type { Receipt } from './intake.ts';
import type { Settled } from './subject-desk.ts';

/** What the inbox counts. Without a registry it counts nothing. */
export function createInboxMetrics(options: {
  registry: Registry | undefined;
  stats(): Promise<InboxStats>;
  nowMs(): number;
}): { received(receipt: Receipt): void; settled: Settled } {
  const { registry, stats, nowMs } = options;
  if (!registry) return { received: () => undefined, settled: () => undefined };
  const registers = [registry];

  const received = new Counter({
    name: 'elp_inbox_received_total',
    help: 'Deliveries by what became of them at receipt',
    labelNames: ['receipt'],
    registers,
  });
  const settled = new Counter({
    name: 'elp_inbox_settled_total',
    help: 'Tries of letters by result; retry counts each failed try',
    labelNames: ['result', 'event'],
    registers,
  });
  const lag = new Histogram({
    name: 'elp_inbox_lag_seconds',
    help: 'From receipt to synced',
    buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600, 3600, 21600],
    registers,
  });
  const gauges: [string, string, (stats: InboxStats) => number][] = [
    ['elp_inbox_backlog', 'Letters that are not settled', (s) => s.backlog],
    ['elp_inbox_dead', 'Letters that wait for a person', (s) => s.dead],
    ['elp_inbox_oldest_seconds', 'Age of the oldest open letter', (s) => s.oldestSeconds],
    ['elp_inbox_paused', '1 while nothing is worked', (s) => (s.paused ? 1 : 0)],
  ];
  let shared: Promise<InboxStats> | undefined;
  for (const [name, help, read] of gauges) {
    new Gauge({
      name,
      help,
      registers,
      async collect() {
        // One look at the database for the four of them.
        shared ??= stats().finally(() => {
          shared = undefined;
        });
        await shared.then(
          (s) => this.set(read(s)),
          () => undefined,
        );
      },
    });
  }

  return {
    received: (receipt) => received.inc({ receipt }),
    settled(result, letter) {
      settled.inc({ result, event: letter.event.slice(0, 64) });
      if (result === 'done') lag.observe(Math.max(0, nowMs() - letter.receivedAt.getTime()) / 1_000);
    },
  };
}
