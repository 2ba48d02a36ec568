import type { GateOptions } from '../index.ts';
import type { Config } from './config.ts';
import { policy } from './policy.ts';
import { reportMigrations } from './reports/report-migrations.ts';

/** What the gate is given, from the configuration: nothing is decided here. */
export function gateSettingsOf(config: Config): GateOptions<typeof policy> {
  const { logto, permit } = config;
  return {
    logto: {
      endpoint: logto.endpoint,
      internalEndpoint: logto.internalEndpoint,
      apiResource: logto.apiResources,
      issuers: logto.issuers,
      jwksUri: logto.jwksUri,
      algorithms: logto.algorithms,
      organizationAudience: logto.organizationAudience,
      app: logto.app,
      management: logto.management,
      webhookSigningKeys: logto.signingKeys,
      webhookMaxAgeSeconds: logto.webhookMaxAgeSeconds,
      tokenCacheTtlMs: logto.tokenCacheTtlMs,
    },
    permit: {
      apiKey: permit.apiKey,
      pdpUrl: permit.pdpUrl,
      apiUrl: permit.apiUrl,
      timeoutMs: permit.timeoutMs,
      defaultTenant: permit.defaultTenant,
      defaultRole: permit.defaultRole,
      cacheTtlMs: permit.cacheTtlMs,
      readOnly: config.mixed,
    },
    policy,
    database: config.database.url ? { url: config.database.url } : { dataDir: config.database.dataDir },
    migrations: reportMigrations,
    baseUrl: config.baseUrl,
    sessionSecrets: config.sessionSecrets,
    trustProxy: config.trustProxy,
    insecureHosts: config.insecureHosts,
    rateLimitPerMinute: config.rateLimitPerMinute,
    reconcileEveryMinutes: config.reconcileEveryMinutes,
  };
}
