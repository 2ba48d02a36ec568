import { Counter, Gauge, type Registry } from 'prom-client';

export type TokenOutcome = 'verified' | 'cached' | 'refused' | 'unavailable';

/** What an operator watches of authentication; nothing is registered without a registry. */
export function createVerifierMetrics(
  registry: Registry | undefined,
  keySetState: () => 'ok' | 'degraded' | 'down',
) {
  const tokens =
    registry &&
    new Counter({
      name: 'elp_access_tokens_total',
      help: 'Access tokens looked at, by outcome',
      labelNames: ['outcome'],
      registers: [registry],
    });
  const fetches =
    registry &&
    new Counter({
      name: 'elp_key_set_fetches_total',
      help: "Fetches of the issuer's key set, by result",
      labelNames: ['result'],
      registers: [registry],
    });
  if (registry) {
    new Gauge({
      name: 'elp_key_set_usable',
      help: "1: the issuer's keys are fresh, 0.5: old ones serve while it is down, 0: none",
      registers: [registry],
      collect() {
        this.set({ ok: 1, degraded: 0.5, down: 0 }[keySetState()]);
      },
    });
  }
  return {
    token: (outcome: TokenOutcome) => tokens?.inc({ outcome }),
    fetch: (result: string) => fetches?.inc({ result }),
  };
}
