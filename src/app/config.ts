import { ConfigurationError, roleKeysOf } from '../index.ts';
import { type Environment, readFields, type Values } from './config-fields.ts';
import { ruleProblems } from './config-rules.ts';
import { policy } from './policy.ts';

/** The application's configuration, grouped by what it is about; every value is checked. */
export type Config = {
  production: boolean;
  port: number;
  host: string;
  /** Origin under which browsers see the application. */
  baseUrl: string;
  logLevel: Values['LOG_LEVEL'];
  trustProxy: false | number | string[];
  corsOrigins: string[];
  insecureHosts: string[];
  /** Emulated Logto beside a real Permit: nothing may be written there. */
  mixed: boolean;
  logto: {
    emulated: boolean;
    endpoint: string;
    internalEndpoint: string;
    issuers: string[];
    jwksUri: string | undefined;
    apiResources: string[];
    algorithms: string[];
    organizationAudience: boolean;
    app: { id: string; secret: string } | undefined;
    management: { appId: string; appSecret: string; resource: string } | undefined;
    signingKeys: string[];
    webhookMaxAgeSeconds: number;
    tokenCacheTtlMs: number;
    emulatorPort: number;
  };
  permit: {
    emulated: boolean;
    apiKey: string;
    pdpUrl: string;
    apiUrl: string;
    timeoutMs: number;
    defaultTenant: string;
    defaultRole: string;
    cacheTtlMs: number;
    emulatorPort: number;
  };
  sessionSecrets: string[];
  rateLimitPerMinute: number;
  reconcileEveryMinutes: number;
  database: { url: string | undefined; dataDir: string };
  metricsPort: number | undefined;
};

/**
 * Reads the environment as a whole.
 *
 * @param roles which the default role has to be one of; `any` where the policy is not known.
 * @throws ConfigurationError with every mistake: the variable, what is wrong with it, an example.
 *
 * @example
 * const config = readConfig(process.env);
 */
export function readConfig(env: Environment, roles: readonly string[] | 'any' = roleKeysOf(policy)): Config {
  const { values, given, problems } = readFields(env);
  problems.push(...ruleProblems({ values, given, roles }));
  if (problems.length > 0) throw new ConfigurationError(problems);

  return {
    production: values.NODE_ENV === 'production',
    port: values.PORT,
    host: values.HOST,
    baseUrl: values.BASE_URL ?? `http://localhost:${values.PORT}`,
    logLevel: values.LOG_LEVEL,
    trustProxy: values.TRUST_PROXY,
    corsOrigins: values.CORS_ORIGINS,
    insecureHosts: values.ALLOW_INSECURE_HOSTS,
    mixed: !given.has('LOGTO_ENDPOINT') && given.has('PERMIT_API_KEY') && values.ALLOW_MIXED_SERVICES,
    logto: logtoOf(values),
    permit: {
      emulated: values.PERMIT_API_KEY === undefined,
      apiKey: values.PERMIT_API_KEY ?? 'permit_key_environment',
      ...permitAddresses(values),
      timeoutMs: values.PERMIT_TIMEOUT_MS,
      defaultTenant: values.PERMIT_DEFAULT_TENANT,
      defaultRole: values.PERMIT_DEFAULT_ROLE,
      cacheTtlMs: values.PERMISSION_CACHE_TTL_MS,
      emulatorPort: values.PERMIT_EMULATOR_PORT,
    },
    sessionSecrets: values.SESSION_SECRETS,
    rateLimitPerMinute: values.RATE_LIMIT_PER_MINUTE,
    reconcileEveryMinutes: values.RECONCILE_EVERY_MINUTES,
    database: { url: values.DATABASE_URL, dataDir: values.DATA_DIR },
    metricsPort: values.METRICS_PORT,
  };
}

function logtoOf(values: Values): Config['logto'] {
  const endpoint = values.LOGTO_ENDPOINT ?? `http://localhost:${values.LOGTO_EMULATOR_PORT}`;
  const { LOGTO_APP_ID: id, LOGTO_APP_SECRET: secret } = values;
  const { LOGTO_M2M_APP_ID: appId, LOGTO_M2M_APP_SECRET: appSecret } = values;
  return {
    emulated: values.LOGTO_ENDPOINT === undefined,
    endpoint,
    internalEndpoint: values.LOGTO_INTERNAL_ENDPOINT ?? endpoint,
    issuers: values.LOGTO_ISSUER.length > 0 ? values.LOGTO_ISSUER : [`${endpoint}/oidc`],
    jwksUri: values.LOGTO_JWKS_URI,
    apiResources: values.LOGTO_API_RESOURCE,
    algorithms: values.LOGTO_ALGORITHMS,
    organizationAudience: values.LOGTO_ORGANIZATION_AUDIENCE,
    app: id && secret ? { id, secret } : undefined,
    management:
      appId && appSecret ? { appId, appSecret, resource: values.LOGTO_MANAGEMENT_API_RESOURCE } : undefined,
    signingKeys: values.LOGTO_WEBHOOK_SIGNING_KEYS,
    webhookMaxAgeSeconds: values.WEBHOOK_MAX_AGE_SECONDS,
    tokenCacheTtlMs: values.TOKEN_CACHE_TTL_MS,
    emulatorPort: values.LOGTO_EMULATOR_PORT,
  };
}

function permitAddresses(values: Values): { pdpUrl: string; apiUrl: string } {
  const emulator = `http://localhost:${values.PERMIT_EMULATOR_PORT}`;
  if (values.PERMIT_API_KEY === undefined) return { pdpUrl: emulator, apiUrl: emulator };
  return { pdpUrl: values.PERMIT_PDP_URL as string, apiUrl: values.PERMIT_API_URL as string };
}
