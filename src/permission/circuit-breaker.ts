import { BrokenCircuitError, CircuitState, ConsecutiveBreaker, circuitBreaker, handleWhen } from 'cockatiel';
import { UpstreamUnavailable } from '../errors.ts';

export type Breaker = {
  /** Runs the attempt, or rejects at once while the circuit is open. */
  run<T>(attempt: () => Promise<T>): Promise<T>;
  state(): 'closed' | 'open' | 'half-open';
};

/**
 * Opens after `failures` failed attempts in a row; then answers 503 at once and lets one attempt through each
 * `probeEveryMs`. Others do not wait for that probe: an open door stays quick.
 */
export function createBreaker(options: {
  counts: (failure: unknown) => boolean;
  failures?: number;
  probeEveryMs?: number;
  onChange?: (state: 'closed' | 'open' | 'half-open') => void;
}): Breaker {
  const { counts, failures = 5, probeEveryMs = 1000, onChange } = options;
  const policy = circuitBreaker(handleWhen(counts), {
    breaker: new ConsecutiveBreaker(failures),
    halfOpenAfter: probeEveryMs,
  });
  if (onChange) policy.onStateChange((state) => onChange(nameOf(state)));

  return {
    async run(attempt) {
      if (policy.state === CircuitState.HalfOpen) throw opened();
      try {
        return await policy.execute(attempt);
      } catch (error) {
        throw error instanceof BrokenCircuitError ? opened() : error;
      }
    },
    state: () => nameOf(policy.state),
  };
}

function opened(): UpstreamUnavailable {
  return new UpstreamUnavailable('permit', 'circuit open', { logCode: 'permit_circuit_open' });
}

function nameOf(state: CircuitState): 'closed' | 'open' | 'half-open' {
  if (state === CircuitState.Closed) return 'closed';
  return state === CircuitState.HalfOpen ? 'half-open' : 'open';
}
