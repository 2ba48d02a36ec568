import type { Request, RequestHandler, Router } from 'express';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { KeySet } from '../auth/key-set.ts';
import { lastRefusedSecond, type Revocations } from '../auth/revocations.ts';
import type { Verifier } from '../auth/verifier.ts';
import { SUPPORTED_ALGORITHMS } from '../auth/verifier-options.ts';
import type { Clock } from '../clock.ts';
import type { Database } from '../database/database.ts';
import { ConfigurationError } from '../errors.ts';
import { createBackchannelLogoutRoute } from './backchannel-logout-route.ts';
import { createBoundedRequester } from './bounded-requester.ts';
import { createBrowserSessions } from './browser-sessions.ts';
import { createDiscovery, reachInside } from './discovery.ts';
import { createOrganizationRoute } from './organization-route.ts';
import { createPendingSignIns } from './pending-sign-in.ts';
import { createRefreshLeases } from './refresh-lease.ts';
import { type SessionConfiguration, sessionConfigurationProblems } from './session-configuration.ts';
import { cookieShapeOf } from './session-cookie.ts';
import { createSessionMetrics } from './session-metrics.ts';
import { createSessionPrincipals } from './session-principal.ts';
import { createSessionRouter, type DeclareRoute } from './session-router.ts';
import { createSessionRows } from './session-rows.ts';
import { createSessionStep } from './session-step.ts';
import { createSignInRoutes } from './sign-in-routes.ts';
import { createSignOutRoute } from './sign-out-route.ts';
import { createTenantJwtVerifier } from './tenant-jwt.ts';
import { createTokenSource } from './token-source.ts';

const PRUNE_EVERY_MS = 10 * 60_000;

/** Asked for at sign-in: e-mail, organizations and the roles in them. */
const USER_SCOPES = ['email', 'urn:logto:scope:organizations', 'urn:logto:scope:organization_roles'];

export type LogtoSessionOptions = SessionConfiguration & {
  /** Where browsers find Logto. */
  endpoint: string;
  /** Where this server finds it, when that is elsewhere. */
  internalEndpoint?: string;
  appId: string;
  appSecret: string;
  /** API resource indicator; the session's access tokens are for it. */
  apiResource: string;
  /** Scopes of that resource to ask for at sign-in. */
  scopes?: readonly string[];
  /** Default: `{endpoint}/oidc`. */
  issuers?: readonly string[];
  algorithms?: readonly string[];
  database: Database;
  verifier: Pick<Verifier, 'verify'>;
  /** The tenant's keys: ID tokens and logout tokens are signed by them too. */
  keySet: Pick<KeySet, 'candidatesFor'>;
  revocations: Pick<Revocations, 'check' | 'onRevoked'>;
  clock: Clock;
  log: Logger;
  metrics?: Registry;
  /** Makes the step that declares a route to a route census; none by default. */
  declareRoute?: DeclareRoute;
  /** A session not used for this long has ended; default 30 minutes. */
  idleMs?: number;
  /** A session this old has ended; default 12 hours. */
  absoluteMs?: number;
  /** Deadline of one call to Logto; default 3 s. */
  timeoutMs?: number;
};

export type LogtoSession = {
  /** `/logto/*`; mount it at the root of the application, before body parsers or after. */
  routes: Router;
  /** Authentication step: Principal from the cookie, or none. */
  session: () => RequestHandler;
  /** Key of the caller whose cookie this is, as last seen by this process; cheap, and lets nobody in. */
  knownCallerOf(req: Request): string | undefined;
  /** Ends every session of a person. @returns how many. */
  endSessionsOf(sub: string): Promise<number>;
  /** Listens to revocations and deletes ended sessions from time to time. */
  start(): Promise<void>;
  stop(): Promise<void>;
  /** One round of deleting ended sessions; `start` does it every ten minutes. */
  prune(): Promise<void>;
};

/**
 * Browser sessions on the unmodified `@logto/express`: sign-in, sign-out, switch of organization, back-channel
 * logout, and the step that turns a session cookie into the Principal of a bearer token.
 *
 * @throws ConfigurationError naming every mistake.
 *
 * @example
 * const logto = createLogtoSession({ endpoint, appId, appSecret, baseUrl, apiResource, secrets, database, … });
 * app.use(logto.routes);
 * app.get('/console', logto.session(), authenticatedRoute(), showConsole);
 */
export function createLogtoSession(options: LogtoSessionOptions): LogtoSession {
  const problems = sessionConfigurationProblems(options);
  if (problems.length > 0) throw new ConfigurationError(problems);

  const endpoint = withoutSlash(options.endpoint);
  const internalEndpoint = withoutSlash(options.internalEndpoint ?? endpoint);
  const { appId, appSecret, baseUrl, apiResource, secrets, clock, log, verifier } = options;
  const { timeoutMs = 3_000, issuers = [`${endpoint}/oidc`] } = options;
  const scopes = [...USER_SCOPES, ...(options.scopes ?? [])];
  const count = createSessionMetrics(options.metrics);
  const cookie = cookieShapeOf(baseUrl);
  const rows = createSessionRows({
    database: options.database,
    clock,
    idleMs: options.idleMs ?? 30 * 60_000,
    absoluteMs: options.absoluteMs ?? 12 * 3_600_000,
  });
  const underLease = createRefreshLeases({
    database: options.database,
    // A refresh is at most three calls: discovery, the token, the keys of its ID token.
    leaseMs: 4 * timeoutMs,
    waitMs: timeoutMs,
  });
  const sessions = createBrowserSessions({ rows, underLease, secrets, cookie });
  const pending = createPendingSignIns({ secrets, cookie, clock });
  const requester = reachInside(createBoundedRequester({ appId, appSecret, timeoutMs }), {
    endpoint,
    internalEndpoint,
  });
  const discover = createDiscovery({ endpoint, appId, requester });
  const verifyTenantJwt = createTenantJwtVerifier({
    keySet: options.keySet,
    algorithms: options.algorithms ?? SUPPORTED_ALGORITHMS,
    issuers,
    appId,
    clock,
  });
  const source = createTokenSource({
    endpoint,
    appId,
    appSecret,
    scopes,
    resource: apiResource,
    requester,
    discover,
    checkIdToken: async (token) => void (await verifyTenantJwt(token, {})),
    clock,
  });
  const { revocations } = options;
  const principals = createSessionPrincipals({ rows, underLease, source, verifier, revocations, log, count });
  const config = { endpoint, appId, appSecret, baseUrl, scopes, resources: [apiResource] };
  const common = { config, discover, sessions, timeoutMs, log, count };
  const routes = createSessionRouter(
    {
      ...createSignInRoutes({ ...common, pending, issuers, verifyTenantJwt }),
      signOut: createSignOutRoute({ ...common, requester }),
      organization: createOrganizationRoute({ sessions, principals, count }),
      backchannelLogout: createBackchannelLogoutRoute({ rows, verifyTenantJwt, log, count }),
    },
    { origin: baseUrl, declareRoute: options.declareRoute },
  );

  let timer: NodeJS.Timeout | undefined;
  let unsubscribe: (() => void) | undefined;
  const orLog = (work: Promise<unknown>, what: string) =>
    work.catch((error: unknown) => log.error({ err: error }, `${what} failed`));

  return {
    routes,
    session: createSessionStep({ origin: baseUrl, sessions, principals, verifier }),
    knownCallerOf: sessions.known.callerOf,
    endSessionsOf: (sub) => rows.removeOf(sub),
    async start() {
      unsubscribe ??= revocations.onRevoked((sub, at, state) => {
        const startedBefore = state === 'active' ? new Date((lastRefusedSecond(at) + 1) * 1_000) : undefined;
        // Should this fail, a session is asked at its next request when it began.
        const ended = rows.removeOf(sub, startedBefore).then((found) => count('ended_by_revocation', found));
        void orLog(ended, 'ending sessions of a revoked subject');
      });
      timer ??= setInterval(
        () => void orLog(rows.prune(), 'deleting ended sessions'),
        PRUNE_EVERY_MS,
      ).unref();
    },
    async stop() {
      unsubscribe?.();
      unsubscribe = undefined;
      clearInterval(timer);
      timer = undefined;
    },
    prune: rows.prune,
  };
}

const withoutSlash = (url: string) => url.replace(/\/+$/, '');
