import type { RequestHandler } from 'express';
import { UpstreamUnavailable } from '../errors.ts';
import { PROBLEM_TYPE, problemDocumentOf } from './problem-document.ts';
import { requestIdOf } from './request-id.ts';

export type HealthState = 'ok' | 'degraded' | 'down';

export type HealthCheck = {
  /** A throw or a time-out counts as `down`. */
  state: () => HealthState | Promise<HealthState>;
  /** Not ready without it (database, migrations). Others are named, and `down` reads as `degraded`. */
  required?: boolean;
};

export type Health = {
  /** Public, touches no dependency: the process turns. */
  livez: RequestHandler;
  /** Public: 200 with the named checks, 503 while a required one is down or the server is closing. */
  readyz: RequestHandler;
  /** From now on not ready, for good. */
  startClosing(): void;
};

const CHECK_TIMEOUT_MS = 1_000;

/**
 * The two questions that an orchestrator asks. An outage of the identity provider or of the PDP never takes the
 * instance out of rotation: every other instance has the same outage.
 *
 * @example
 * const { livez, readyz } = health({ checks: { database: { required: true, state: pingDatabase } } });
 * app.get('/readyz', publicRoute('readiness probe'), readyz);
 */
export function health({ checks }: { checks: Readonly<Record<string, HealthCheck>> }): Health {
  let closing = false;

  return {
    livez(_req, res) {
      res.json({ status: 'ok' });
    },
    async readyz(req, res) {
      const entries = await Promise.all(
        Object.entries(checks).map(async ([name, check]) => [name, await stateOf(check)] as const),
      );
      const named = Object.fromEntries(entries);
      const states = Object.values(named);
      if (closing || states.includes('down')) {
        const problem = problemDocumentOf(new UpstreamUnavailable('database', 'not ready'), requestIdOf(req));
        res.status(503).set('Retry-After', '1').set('Content-Type', PROBLEM_TYPE);
        res.end(JSON.stringify({ ...problem, checks: closing ? { ...named, server: 'closing' } : named }));
        return;
      }
      res.json({ status: states.includes('degraded') ? 'degraded' : 'ok', checks: named });
    },
    startClosing() {
      closing = true;
    },
  };
}

async function stateOf(check: HealthCheck): Promise<HealthState> {
  const state = await withDeadline(check).catch((): HealthState => 'down');
  return state === 'down' && check.required !== true ? 'degraded' : state;
}

async function withDeadline(check: HealthCheck): Promise<HealthState> {
  const { promise, resolve } = Promise.withResolvers<HealthState>();
  const timer = setTimeout(() => resolve('down'), CHECK_TIMEOUT_MS);
  try {
    return await Promise.race([check.state(), promise]);
  } finally {
    clearTimeout(timer);
  }
}
