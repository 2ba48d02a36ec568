import { isIP } from 'node:net';
import { z } from 'zod';
import { audienceProblem } from '../index.ts';

/** One variable of the environment: how its text is read, and an example of what it takes. */
export type Field<T> = { schema: z.ZodType<T, string>; fallback: T; example: string };

const KEY = /^[A-Za-z0-9_-]+$/;
const LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
const ALGORITHMS = ['ES384', 'ES256', 'ES512', 'RS256'] as const;

const text = z.string();
const items = (value: string) =>
  value
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');

function field<T>(schema: z.ZodType<T, string>, fallback: NoInfer<T>, example: string): Field<T> {
  return { schema, fallback, example };
}

function integer(fallback: number, example: string, { min = 0, max = 2_147_483_647 } = {}): Field<number> {
  const message = `is not a whole number from ${min} to ${max}`;
  const schema = text
    .regex(/^-?\d+$/, message)
    .transform(Number)
    .pipe(z.number(message).min(min, message).max(max, message));
  return field(schema, fallback, example);
}

const port = (fallback: number) => integer(fallback, String(fallback), { max: 65_535 });
const optionalText = (example: string) => field<string | undefined>(text, undefined, example);

/** Lists are comma separated; `each` says what is wrong with one item. */
function list(
  fallback: string[],
  example: string,
  each: (item: string) => string | undefined = () => undefined,
) {
  const schema = text.transform(items).superRefine((found, context) => {
    if (found.length === 0) context.addIssue({ code: 'custom', message: 'is an empty list' });
    for (const item of found) {
      const problem = each(item);
      if (problem) context.addIssue({ code: 'custom', message: `${quoted(item)} ${problem}` });
    }
  });
  return field<string[]>(schema, fallback, example);
}

/** They would stand in logs and answers. */
const hasCredentials = (value: string) => !!URL.parse(value)?.username || !!URL.parse(value)?.password;

/** Without the slash at the end, which would double on the way. */
function url(fallback: string | undefined, example: string) {
  const schema = text
    .refine((value) => /^https?:$/.test(URL.parse(value)?.protocol ?? ''), 'is not an http(s) URL')
    .refine((value) => !URL.parse(value)?.search && !URL.parse(value)?.hash, 'has a query or a fragment')
    .refine((value) => !hasCredentials(value), 'has a user name or a password')
    .transform((value) => value.replace(/\/+$/, ''));
  return field<string | undefined>(schema, fallback, example);
}

/** What browsers compare with: scheme, host and port. A slash at the end means the same. */
const bareOrigin = text
  .refine((value) => {
    const parsed = URL.parse(value);
    return /^https?:$/.test(parsed?.protocol ?? '') && parsed?.href === `${parsed?.origin}/`;
  }, 'is not an http(s) origin: scheme, host and port, nothing else')
  .transform((value) => new URL(value).origin);

const onOff = (yes: string, no: string) =>
  field(
    z.enum([yes, no], `is neither ${yes} nor ${no}`).transform((value) => value === yes),
    false,
    yes,
  );

/** A number of hops, `on` for one, or the proxies' addresses and subnets. */
const trustProxy = text
  .transform((value): false | number | string[] => {
    if (/^(off|false|0)$/i.test(value)) return false;
    if (/^(on|true)$/i.test(value)) return 1;
    return /^\d{1,2}$/.test(value) ? Number(value) : items(value);
  })
  .superRefine((found, context) => {
    if (!Array.isArray(found)) return;
    if (found.length === 0) context.addIssue({ code: 'custom', message: 'is an empty list' });
    for (const item of found.filter((proxy) => !isProxy(proxy))) {
      const message = `${quoted(item)} is neither on, off, a number of hops, nor an address or subnet`;
      context.addIssue({ code: 'custom', message });
    }
  });

/** As Express takes them. */
function isProxy(item: string): boolean {
  if (['loopback', 'linklocal', 'uniquelocal'].includes(item)) return true;
  const [address = '', bits, ...rest] = item.split('/');
  const longest = { 4: 32, 6: 128 }[isIP(address)];
  if (longest === undefined || rest.length > 0) return false;
  return bits === undefined || (/^[1-9]\d{0,2}$/.test(bits) && Number(bits) <= longest);
}

// A secret is never repeated in a report.
const quoted = (item: string) => JSON.stringify(item.length > 80 ? `${item.slice(0, 77)}…` : item);

const origin = (item: string) =>
  URL.parse(item)?.origin === item
    ? undefined
    : 'is not an exact origin: scheme, host and port, nothing else';
const oneOf = (known: readonly string[]) => (item: string) =>
  known.includes(item) ? undefined : `is none of ${known.join(', ')}`;
const hostName = (item: string) =>
  /^[A-Za-z0-9.-]+$|^\[[0-9a-f:]+\]$/i.test(item) ? undefined : 'is not a host name (no scheme, no port)';

function secrets(example: string, shortest: number) {
  const schema = text.transform(items).superRefine((found, context) => {
    if (found.length === 0) context.addIssue({ code: 'custom', message: 'is an empty list' });
    if (found.some((secret) => secret.length < shortest)) {
      context.addIssue({ code: 'custom', message: `holds a secret of less than ${shortest} characters` });
    }
  });
  return field<string[]>(schema, [], example);
}

/**
 * Every variable that the application reads, and nothing else does: `.env.example` and the README list the same
 * ones. An empty value counts as not set.
 */
export const fields = {
  PORT: port(3000),
  HOST: field(text, '127.0.0.1', '127.0.0.1'),
  BASE_URL: field<string | undefined>(bareOrigin, undefined, 'https://app.example'),
  NODE_ENV: field<string | undefined>(
    // A word that was meant to be it would switch every refusal of production off.
    text.refine((value) => value === 'production' || !/^prod/i.test(value), 'is not spelt "production"'),
    undefined,
    'production',
  ),
  LOG_LEVEL: field(z.enum(LEVELS, `is none of ${LEVELS.join(', ')}`), 'info', 'info'),
  TRUST_PROXY: field<false | number | string[]>(trustProxy, false, '1'),
  CORS_ORIGINS: list([], 'https://app.example', origin),
  LOGTO_ENDPOINT: url(undefined, 'https://tenant.logto.app'),
  LOGTO_INTERNAL_ENDPOINT: url(undefined, 'http://logto:3001'),
  LOGTO_ORGANIZATION_AUDIENCE: onOff('on', 'off'),
  ALLOW_INSECURE_HOSTS: list([], 'logto,permit-pdp', hostName),
  ALLOW_MIXED_SERVICES: onOff('true', 'false'),
  LOGTO_ISSUER: list([], 'https://tenant.logto.app/oidc', (item) =>
    !URL.canParse(item) ? 'is not a URL' : hasCredentials(item) ? 'has a user name or a password' : undefined,
  ),
  LOGTO_JWKS_URI: url(undefined, 'https://tenant.logto.app/oidc/jwks'),
  LOGTO_API_RESOURCE: list(['http://localhost:3000/api'], 'https://api.example', audienceProblem),
  LOGTO_ALGORITHMS: list([...ALGORITHMS], 'ES384', oneOf(ALGORITHMS)),
  LOGTO_APP_ID: optionalText('the id of the web application'),
  LOGTO_APP_SECRET: optionalText('the secret of the web application'),
  LOGTO_M2M_APP_ID: optionalText('the id of the machine application'),
  LOGTO_M2M_APP_SECRET: optionalText('the secret of the machine application'),
  LOGTO_MANAGEMENT_API_RESOURCE: field(
    text,
    'https://default.logto.app/api',
    'https://default.logto.app/api',
  ),
  LOGTO_WEBHOOK_SIGNING_KEYS: secrets('the signing key that Logto shows for the webhook', 1),
  SESSION_SECRETS: secrets('the output of: openssl rand -base64 48', 32),
  PERMIT_API_KEY: optionalText('the API key of the environment, permit_key_…'),
  PERMIT_PDP_URL: url('https://cloudpdp.api.permit.io', 'http://localhost:7766'),
  PERMIT_API_URL: url('https://api.permit.io', 'https://api.permit.io'),
  PERMIT_TIMEOUT_MS: integer(500, '500', { min: 1, max: 10_000 }),
  PERMIT_DEFAULT_TENANT: field(
    text.regex(KEY, 'is not a key of letters, digits, - and _'),
    'default',
    'default',
  ),
  PERMIT_DEFAULT_ROLE: field(text.regex(KEY, 'is not a key of letters, digits, - and _'), 'viewer', 'viewer'),
  // What is taken away in Permit itself, by a person, is told to nobody here: that long it may still be allowed.
  PERMISSION_CACHE_TTL_MS: integer(0, '0', { max: 5_000 }),
  TOKEN_CACHE_TTL_MS: integer(30_000, '30000', { max: 30_000 }),
  RATE_LIMIT_PER_MINUTE: integer(600, '600'),
  RECONCILE_EVERY_MINUTES: integer(60, '60', { min: -1, max: 525_600 }),
  WEBHOOK_MAX_AGE_SECONDS: integer(300, '300', { min: 1, max: 86_400 }),
  DATABASE_URL: field<string | undefined>(
    text.refine(
      (value) => /^postgres(ql)?:$/.test(URL.parse(value)?.protocol ?? ''),
      'is not a postgres:// URL',
    ),
    undefined,
    'postgres://user:password@localhost:5432/app',
  ),
  DATA_DIR: field(text, '.data', '.data'),
  METRICS_PORT: field<number | undefined>(port(9464).schema, undefined, '9464'),
  LOGTO_EMULATOR_PORT: port(3001),
  PERMIT_EMULATOR_PORT: port(7766),
} as const;

export type Values = {
  -readonly [Name in keyof typeof fields]: (typeof fields)[Name] extends Field<infer T> ? T : never;
};

/** Raw text of the process, as `process.env` has it. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Reads every variable; what cannot be read is its fallback in `values` and a line in `problems`. */
export function readFields(env: Environment): {
  values: Values;
  given: Set<keyof Values>;
  problems: string[];
} {
  const values: Record<string, unknown> = {};
  const given = new Set<keyof Values>();
  const problems: string[] = [];
  for (const [name, { schema, fallback, example }] of Object.entries(fields) as [
    keyof Values,
    Field<unknown>,
  ][]) {
    const raw = env[name]?.trim();
    values[name] = fallback;
    if (raw === undefined || raw === '') continue;
    given.add(name);
    const parsed = schema.safeParse(raw);
    if (parsed.success) values[name] = parsed.data;
    else {
      const wrong = [...new Set(parsed.error.issues.map(({ message }) => message))].join('; ');
      problems.push(`${name} ${wrong}. Example: ${name}=${example}`);
    }
  }
  return { values: values as Values, given, problems };
}
