import type { Request } from 'express';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { isTrustedUrl } from '../auth/trusted-url.ts';
import type { Clock } from '../clock.ts';
import type { Database } from '../database/database.ts';
import { ConfigurationError } from '../errors.ts';
import { createRateLimits, type RateLimits } from '../http/rate-limits.ts';
import type { PolicyInput } from '../permission/policy.ts';
import { createChecker } from '../permit/create-checker.ts';
import { createDirectory } from '../permit/directory.ts';
import { createExplainer } from '../permit/explain.ts';
import { answerableDirectory } from './answerable-directory.ts';
import { type GateOptions, given } from './gate-options.ts';
import { lastingRemovals } from './lasting-removals.ts';
import { createMemberBook } from './member-book.ts';
import { readOnlyDirectory } from './read-only-directory.ts';

type Common = { database: Database; defaultTenant: string; clock: Clock; log: Logger; metrics: Registry };

/** How long a write may wait for the PDP to know of it, so that the next request is decided by it. */
const WAIT_FOR_SYNC_MS = 2_000;
/** Counting these would lock out whoever shares an address with a sender, or the orchestrator itself. */
const UNCOUNTED = new Set(['/livez', '/readyz']);
/** Sent once and never again, without a caller: strangers at the same address must not use up its share. */
const SIGNED_ONCE = '/logto/backchannel-logout';

/** May they: decisions, the directory behind them, and how many requests anybody has. */
export function bindAccess(options: GateOptions<PolicyInput>, common: Common) {
  const { permit } = options;
  const { database, defaultTenant, clock, log, metrics } = common;
  const { apiKey, pdpUrl, apiUrl = 'https://api.permit.io' } = permit;
  const plain = Object.entries({ pdpUrl, apiUrl }).filter(
    ([, url]) => !isTrustedUrl(url, options.insecureHosts),
  );
  if (plain.length > 0) {
    throw new ConfigurationError(
      plain.map(
        ([name, url]) =>
          `permit.${name} ${url} is not https: whoever is on the way could decide and read the key. Name the host in insecureHosts if it is yours`,
      ),
    );
  }
  const tuning = given({ timeoutMs: permit.timeoutMs });
  const checker = createChecker({
    pdpUrl,
    apiKey,
    database,
    clock,
    log,
    metrics,
    ...tuning,
    ...given({ cacheTtlMs: permit.cacheTtlMs }),
  });
  const writable = createDirectory({ apiKey, apiUrl, pdpUrl, waitForSyncMs: WAIT_FOR_SYNC_MS, clock });
  const directory = permit.readOnly ? readOnlyDirectory(writable) : writable;
  const answers = answerableDirectory(lastingRemovals(directory, database));
  const explainer = createExplainer({ pdpUrl, apiKey, ...tuning });

  return {
    checker,
    /** For workers, which tell its failures apart. */
    rawDirectory: directory,
    directory: answers,
    explainer,
    members: createMemberBook({
      database,
      directory: answers,
      defaultTenant,
      mirrored: options.logto.management !== undefined,
    }),
    createLimits: (knownCallerOf: (req: Request) => string | undefined): RateLimits =>
      createRateLimits({
        perMinute: options.rateLimitPerMinute ?? 600,
        clock,
        log,
        database,
        exempt: (req) => UNCOUNTED.has(req.path) || req.path.startsWith('/api/webhooks/'),
        apart: (req) => req.path === SIGNED_ONCE,
        knownCallerOf,
      }),
    start: () => checker.start(),
    async stop(): Promise<void> {
      await Promise.all([checker.stop(), explainer.close()]);
    },
  };
}
