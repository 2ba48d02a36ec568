import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { Clock } from '../clock.ts';
import type { Migration } from '../database/database.ts';
import type { PolicyInput } from '../permission/policy.ts';
import type { DatabaseSource } from './deferred-database.ts';

export type LogtoOptions = {
  /** Where browsers find Logto: `https://tenant.logto.app`. */
  endpoint: string;
  /** Where this server finds it, when that is elsewhere. */
  internalEndpoint?: string | undefined;
  /** API resource indicators of this API; tokens for anything else are refused. */
  apiResource: string | readonly string[];
  /** Exact issuers; `{endpoint}/oidc` without them. */
  issuers?: readonly string[] | undefined;
  jwksUri?: string | undefined;
  algorithms?: readonly string[] | undefined;
  /** Accepts tokens whose audience is `urn:logto:organization:<id>`, which are not bound to this API. */
  organizationAudience?: boolean | undefined;
  /** The web application at Logto: browser sessions. Without it the session steps find nobody. */
  app?: { id: string; secret: string; scopes?: readonly string[] } | undefined;
  /** The machine application with access to the Management API: present state, roles, reconcile. */
  management?: { appId: string; appSecret: string; resource?: string } | undefined;
  /** Signing keys of the webhook; `webhooks()` needs one. */
  webhookSigningKeys?: readonly string[] | undefined;
  webhookMaxAgeSeconds?: number | undefined;
  tokenCacheTtlMs?: number | undefined;
};

export type PermitOptions = {
  apiKey: string;
  pdpUrl: string;
  apiUrl?: string | undefined;
  timeoutMs?: number | undefined;
  defaultTenant?: string | undefined;
  /** Given once at registration; a role of the policy, `viewer` without it. */
  defaultRole?: string | undefined;
  /** 0, the default: every decision is asked afresh. */
  cacheTtlMs?: number | undefined;
  /** Decisions are asked; users, roles and objects are never written. */
  readOnly?: boolean | undefined;
};

export type GateOptions<P extends PolicyInput> = {
  logto: LogtoOptions;
  permit: PermitOptions;
  policy: P;
  database: DatabaseSource;
  /** The application's own tables, brought up to date beside the gate's. */
  migrations?: readonly Migration[];
  /** Origin of the application, for sessions. */
  baseUrl?: string | undefined;
  /** For sessions: the first signs, all verify, 32 characters or more. */
  sessionSecrets?: readonly string[] | undefined;
  /** Express's `trust proxy`. */
  trustProxy?: false | number | readonly string[] | undefined;
  /** Plain http is spoken to these hosts besides loopback. */
  insecureHosts?: readonly string[] | undefined;
  /** 0 switches it off; default 600. */
  rateLimitPerMinute?: number | undefined;
  /** 0: only at start; -1: only by hand; default 60. */
  reconcileEveryMinutes?: number | undefined;
  clock?: Clock | undefined;
  log?: Logger | undefined;
  metrics?: Registry | undefined;
};

/** Without the members that are `undefined`: what was left out keeps its default further down. */
export function given<T extends object>(values: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}
