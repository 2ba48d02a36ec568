import type { Request, RequestHandler } from 'express';
import { Router } from 'express';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { createBearerAuth, createOptionalAuth } from '../auth/bearer-auth.ts';
import { bearerTokenOf } from '../auth/bearer-grammar.ts';
import { createRevocations } from '../auth/revocations.ts';
import { createVerifier } from '../auth/verifier.ts';
import type { Clock } from '../clock.ts';
import type { Database } from '../database/database.ts';
import { createLogtoSession } from '../logto/logto-session.ts';
import type { PolicyInput } from '../permission/policy.ts';
import { guardedBy, publicRoute } from '../permission/public-route.ts';
import { type GateOptions, given } from './gate-options.ts';

type Common = { database: Database; defaultTenant: string; clock: Clock; log: Logger; metrics: Registry };

/** Who is calling: access tokens, browser sessions, and the revocation that ends both. */
export function bindIdentity(options: GateOptions<PolicyInput>, common: Common) {
  const { logto, insecureHosts = [] } = options;
  const { database, defaultTenant, clock, log, metrics } = common;
  const audiences = typeof logto.apiResource === 'string' ? [logto.apiResource] : [...logto.apiResource];
  const issuers = logto.issuers ?? [`${logto.endpoint}/oidc`];
  const inner = logto.internalEndpoint;
  const revocations = createRevocations({ database, clock, log });
  const verifier = createVerifier({
    issuers,
    audiences,
    defaultTenant,
    insecureHosts,
    revocations,
    clock,
    log,
    metrics,
    ...given({
      algorithms: logto.algorithms,
      organizationAudience: logto.organizationAudience,
      tokenCacheTtlMs: logto.tokenCacheTtlMs,
      // Discovery would name the key set under the host that browsers see.
      jwksUri: logto.jwksUri ?? (inner && inner !== logto.endpoint ? `${inner}/oidc/jwks` : undefined),
    }),
  });
  const browser = logto.app && createSessions(logto.app);

  function createSessions({ id, secret, scopes }: NonNullable<typeof logto.app>) {
    return createLogtoSession({
      endpoint: logto.endpoint,
      appId: id,
      appSecret: secret,
      baseUrl: options.baseUrl ?? '',
      apiResource: audiences[0] ?? '',
      issuers,
      secrets: options.sessionSecrets ?? [],
      trustProxy: options.trustProxy,
      insecureHosts,
      database,
      verifier,
      keySet: verifier.keySet,
      revocations,
      clock,
      log,
      metrics,
      declareRoute: (kind, reason) => (kind === 'public' ? publicRoute(reason) : guardedBy(kind, reason)),
      ...given({ internalEndpoint: inner, scopes, algorithms: logto.algorithms }),
    });
  }

  function callerOfToken(req: Request): string | undefined {
    try {
      const token = bearerTokenOf(req);
      return token === undefined ? undefined : verifier.recognizes(token);
    } catch {
      return undefined;
    }
  }

  return {
    verifier,
    /** For rate limits: whom this process has verified before, by token or by cookie. */
    knownCallerOf: (req: Request) => callerOfToken(req) ?? browser?.knownCallerOf(req),
    revocations,
    bearerAuth: createBearerAuth(verifier),
    optionalAuth: createOptionalAuth(verifier),
    session: browser?.session ?? noSession,
    sessionRoutes: (): Router => browser?.routes ?? Router(),
    hasSessions: browser !== undefined,
    endSessionsOf: async (sub: string): Promise<number> => (await browser?.endSessionsOf(sub)) ?? 0,
    async start(): Promise<void> {
      await revocations.start();
      await browser?.start();
      // Nobody waits for it: the first request would fetch the keys as well.
      void verifier.warm();
    },
    async stop(): Promise<void> {
      await browser?.stop();
      verifier.close();
      await revocations.stop();
    },
  };
}

/** Without a web application at Logto there are no sessions: the step finds nobody. */
function noSession(): RequestHandler {
  return function sessionAuthentication(_req, _res, next) {
    next();
  };
}
