import type { Config } from './config.ts';

/** What runs in this process or beside it in place of a configured service. */
export type Embedded = {
  baseUrl?: string | undefined;
  logto?:
    | {
        endpoint: string;
        app: { id: string; secret: string };
        management: { appId: string; appSecret: string; resource: string };
      }
    | undefined;
  permit?: { apiKey: string; pdpUrl: string; apiUrl: string } | undefined;
  /** Used where none are configured. */
  secrets?: { sessionSecret: string; webhookSigningKey: string } | undefined;
};

/** The configuration with the addresses, ids and secrets that only the start knows. Pure. */
export function withEmbedded(config: Config, embedded: Embedded): Config {
  const { baseUrl, logto, permit, secrets } = embedded;
  const { signingKeys } = config.logto;
  return {
    ...config,
    baseUrl: baseUrl ?? config.baseUrl,
    logto: {
      ...config.logto,
      ...(logto ? { ...logto, internalEndpoint: logto.endpoint, issuers: [`${logto.endpoint}/oidc`] } : {}),
      signingKeys: signingKeys.length === 0 && secrets ? [secrets.webhookSigningKey] : signingKeys,
    },
    permit: { ...config.permit, ...permit },
    sessionSecrets:
      config.sessionSecrets.length === 0 && secrets ? [secrets.sessionSecret] : config.sessionSecrets,
  };
}
