import { Gauge, type Registry } from 'prom-client';

/** `elp_outbox_open`, read when somebody looks. */
export function gaugeOpenErrands(metrics: Registry, counts: () => Promise<{ open: number }>): void {
  new Gauge({
    name: 'elp_outbox_open',
    help: 'Writes that span database and Permit and are not settled',
    registers: [metrics],
    async collect() {
      await counts().then(
        ({ open }) => this.set(open),
        () => undefined,
      );
    },
  });
}
