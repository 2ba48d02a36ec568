import type { Express, RequestHandler, Router } from 'express';
import { type Logger, pino } from 'pino';
import { Registry } from 'prom-client';
import { requireAuth, requireMachine, requireScope, requireUser } from '../auth/guards.ts';
import type { Revocations } from '../auth/revocations.ts';
import { systemClock } from '../clock.ts';
import type { Database } from '../database/database.ts';
import { migrate } from '../database/migrate.ts';
import { letCommandsIn } from '../embedded/let-commands-in.ts';
import type { Health } from '../http/health.ts';
import type { RateLimits } from '../http/rate-limits.ts';
import type { Inbox } from '../inbox/inbox.ts';
import type { Outbox } from '../outbox/outbox.ts';
import { createCallerPermissions } from '../permission/caller-permissions.ts';
import { createPermittedScope, type PermittedScopes } from '../permission/permitted-scope.ts';
import type { PolicyInput } from '../permission/policy.ts';
import { createRequirePermission, type RequirePermission } from '../permission/require-permission.ts';
import { assertGuarded } from '../permission/route-census.ts';
import { watchRoutes } from '../permission/watch-routes.ts';
import type { Explainer } from '../permit/explain.ts';
import type { Directory } from '../sync/ports.ts';
import type { Sync } from '../sync/sync.ts';
import { bindAccess } from './bind-access.ts';
import { bindIdentity } from './bind-identity.ts';
import { bindIntake } from './bind-intake.ts';
import { deferDatabase } from './deferred-database.ts';
import { gateHealth } from './gate-health.ts';
import { gateMigrations } from './gate-migrations.ts';
import type { GateOptions } from './gate-options.ts';
import type { MemberBook } from './member-book.ts';
import { operationsOf } from './operations.ts';
import { releaseDeadLeases } from './release-dead-leases.ts';
import { usableOptions } from './usable-options.ts';

export type Gate<P extends PolicyInput> = PermittedScopes<P> & {
  /** Authentication by access token; anonymous callers end here. Behind `session()` it lets a session through. */
  bearerAuth(): RequestHandler;
  /** As `bearerAuth`, and whoever sends no credentials stays anonymous. */
  optionalAuth(): RequestHandler;
  /** Authentication by browser session; finds nobody when no web application is configured. */
  session(): RequestHandler;
  /** `/logto/sign-in` and its kin, to be mounted at the root; empty when no web application is configured. */
  sessionRoutes(): Router;
  requireAuth: typeof requireAuth;
  requireScope: typeof requireScope;
  requireUser: typeof requireUser;
  requireMachine: typeof requireMachine;
  requirePermission: RequirePermission<P>;
  callerPermissions: ReturnType<typeof createCallerPermissions<P>>;
  /**
   * Receives Logto's webhooks; mount it ahead of every body parser.
   *
   * @throws ConfigurationError when no signing key is configured.
   */
  webhooks(): Router;
  rateLimits: RateLimits;
  health: Health;
  /** Begins the route census of this application; call it ahead of the first route. */
  watchRoutes(app: Express): void;
  /** Refuses to start with a route that no guard protects. */
  assertGuarded(app: Express): void;
  /** The application's own tables live beside the gate's. */
  database: Database;
  /** For writes that span the database and Permit. */
  outbox: Outbox;
  /** Users, tenants, roles and objects at Permit. */
  directory: Directory;
  members: MemberBook;
  inbox: Inbox;
  sync: Sync;
  explainer: Explainer;
  /**
   * Refuses a person's tokens and sessions of up to `at`, and all of them while `state` is `suspended` or `deleted`.
   * Only `active` lifts such a state; without one it stays as it is.
   */
  revokeSubject: Revocations['revokeSubject'];
  /** Ends every browser session of a person. */
  endSessionsOf(sub: string): Promise<number>;
  /** Drops remembered decisions. */
  forgetDecisions(about: { user?: string; tenant?: string }): Promise<void>;
  metrics: Registry;
  log: Logger;
  /**
   * Opens the database, brings its tables up to date and begins to work; `work: false` leaves letters and errands
   * to other processes. What it opened is closed again when it fails.
   *
   * @throws DatabaseInUse when another process has the folder; UpstreamUnavailable('database').
   */
  start(options?: { work?: boolean }): Promise<void>;
  /** Lets running work end and closes what `start` opened. */
  stop(): Promise<void>;
};

/**
 * Binds Logto, Permit.io, the policy and a database into what an Express application mounts. Nothing is opened
 * before `start()`, so that an application may be put together, and its routes listed, anywhere.
 *
 * @throws ConfigurationError for settings that cannot work.
 * @see https://docs.logto.io and https://docs.permit.io
 *
 * @example
 * const gate = createGate({
 *   logto: { endpoint: 'https://tenant.logto.app', apiResource: 'https://api.example' },
 *   permit: { apiKey, pdpUrl: 'http://localhost:7766' },
 *   policy: definePolicy({ resources: { reports: { actions: ['view'] } }, roles: { viewer: ['reports:view'] } }),
 *   database: { dataDir: '.data' },
 * });
 * app.get('/api/reports', gate.bearerAuth(), gate.requirePermission('view', 'reports'), listReports);
 * await gate.start();
 */
export function createGate<const P extends PolicyInput>(wanted: GateOptions<P>): Gate<P> {
  const options = usableOptions(wanted);
  const { policy, clock = systemClock, metrics = new Registry() } = options;
  const log = options.log ?? pino({ level: 'info' });
  const defaultTenant = options.permit.defaultTenant ?? 'default';
  const deferred = deferDatabase(options.database, log);
  const { database } = deferred;
  const common = { database, defaultTenant, clock, log, metrics };

  const identity = bindIdentity(options, common);
  const access = bindAccess(options, common);
  const intake = bindIntake(options, {
    ...common,
    directory: access.rawDirectory,
    onRevoke: identity.revocations.revokeSubject,
    onRolesChanged: access.checker.forget,
  });
  const rateLimits = access.createLimits(identity.knownCallerOf);
  const guards = {
    policy,
    checker: access.checker,
    defaultTenant,
    log,
    metrics,
    ...(intake.provision ? { provision: intake.provision } : {}),
  };
  let ready = false;
  let stopping: Promise<void> | undefined;
  let door: { stop(): Promise<void> } | undefined;

  /** An embedded database has one user, this process: commands come in over a socket in its folder. */
  async function letOperatorIn(): Promise<void> {
    const { dataDir } = deferred;
    if (dataDir === undefined) return;
    const { endpoint } = options.logto;
    const { pdpUrl, apiUrl = pdpUrl } = options.permit;
    door = await letCommandsIn({
      dataDir,
      operations: operationsOf({ inbox: intake.inbox, sync: intake.sync, database }),
      about: {
        url: options.baseUrl,
        logto: { endpoint, emulated: false },
        permit: { pdpUrl, apiUrl, emulated: false },
      },
      startedAtMs: clock.now(),
      log,
    }).catch((err: unknown) => {
      // Not every mounted folder can hold a socket, and requests need none.
      log.warn({ err }, 'commands cannot come in while this process runs');
      return undefined;
    });
  }

  async function stopAll(): Promise<void> {
    ready = false;
    for (const part of [door, intake, rateLimits, identity, access]) {
      await Promise.resolve(part?.stop()).catch((err: unknown) => log.warn({ err }, 'not stopped in order'));
    }
    await deferred.close();
  }

  return {
    bearerAuth: identity.bearerAuth,
    optionalAuth: identity.optionalAuth,
    session: identity.session,
    sessionRoutes: identity.sessionRoutes,
    requireAuth,
    requireScope,
    requireUser,
    requireMachine,
    requirePermission: createRequirePermission(guards),
    ...createPermittedScope(guards),
    callerPermissions: createCallerPermissions({ policy, checker: access.checker }),
    webhooks: intake.webhooks,
    rateLimits,
    health: gateHealth({ database, isReady: () => ready, ...identity, ...access, ...intake }),
    watchRoutes,
    assertGuarded,
    database,
    outbox: intake.outbox,
    directory: access.directory,
    members: access.members,
    inbox: intake.inbox,
    sync: intake.sync,
    explainer: access.explainer,
    revokeSubject: identity.revocations.revokeSubject,
    endSessionsOf: identity.endSessionsOf,
    forgetDecisions: access.checker.forget,
    metrics,
    log,
    async start({ work = true } = {}) {
      // Clients and workers that were closed stay closed: it would be ready and decide nothing.
      if (stopping) throw new Error('this gate was stopped: make a new one with createGate()');
      await deferred.open();
      try {
        await migrate(database, [...gateMigrations, ...(options.migrations ?? [])]);
        await releaseDeadLeases(database);
        await Promise.all([identity.start(), access.start(), intake.start({ work })]);
        rateLimits.start();
        await letOperatorIn();
        ready = true;
      } catch (error) {
        stopping ??= stopAll();
        await stopping;
        throw error;
      }
    },
    stop() {
      stopping ??= stopAll();
      return stopping;
    },
  };
}
