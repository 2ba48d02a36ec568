import { sessionConfigurationProblems } from '../index.ts';
import type { Values } from './config-fields.ts';

type Facts = { values: Values; given: ReadonlySet<keyof Values>; roles: readonly string[] | 'any' };

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;
/** The emulator's own keys: with one of them nothing real is reached. */
const EMULATOR_KEY = /^permit_key_(environment|project|organization)$/;

/** Plain http is for loopback, and for hosts that the operator has named. */
function isPlainAbroad(address: string | undefined, insecureHosts: readonly string[]): boolean {
  const url = address === undefined ? null : URL.parse(address);
  return url?.protocol === 'http:' && !LOOPBACK.test(url.hostname) && !insecureHosts.includes(url.hostname);
}

/** What the variables say about each other; every mistake, each with its mend. */
export function ruleProblems(facts: Facts): string[] {
  return [
    ...pairProblems(facts),
    ...logtoProblems(facts),
    ...permitProblems(facts),
    ...transportProblems(facts),
    ...sessionProblems(facts),
    ...portProblems(facts),
    ...(facts.values.NODE_ENV === 'production' ? productionProblems(facts) : []),
  ];
}

function pairProblems({ given }: Facts): string[] {
  const pairs = [
    ['LOGTO_APP_ID', 'LOGTO_APP_SECRET'],
    ['LOGTO_M2M_APP_ID', 'LOGTO_M2M_APP_SECRET'],
  ] as const;
  return pairs.flatMap(([a, b]) => {
    if (given.has(a) === given.has(b)) return [];
    const [has, lacks] = given.has(a) ? [a, b] : [b, a];
    return [`${lacks} is missing while ${has} is set: set both, or neither. Example: ${lacks}=…`];
  });
}

function logtoProblems({ values, given }: Facts): string[] {
  const problems: string[] = [];
  if (!given.has('LOGTO_ENDPOINT')) {
    const needing = (
      [
        'LOGTO_INTERNAL_ENDPOINT',
        'LOGTO_ISSUER',
        'LOGTO_JWKS_URI',
        'LOGTO_APP_ID',
        'LOGTO_M2M_APP_ID',
      ] as const
    ).filter((name) => given.has(name));
    if (needing.length > 0) {
      problems.push(
        `LOGTO_ENDPOINT is missing while ${needing.join(', ')} is set: without it the emulator is used. Example: LOGTO_ENDPOINT=https://tenant.logto.app`,
      );
    }
    return problems;
  }
  if (!given.has('LOGTO_WEBHOOK_SIGNING_KEYS')) {
    problems.push(
      'LOGTO_WEBHOOK_SIGNING_KEYS is missing: webhooks of a real Logto cannot be verified without the signing key that its console shows. Example: LOGTO_WEBHOOK_SIGNING_KEYS=…',
    );
  }
  if (given.has('LOGTO_APP_ID') && given.has('DATABASE_URL') && values.SESSION_SECRETS.length === 0) {
    problems.push(
      'SESSION_SECRETS is missing: instances that share a database must share it. Example: SESSION_SECRETS=$(openssl rand -base64 48)',
    );
  }
  return problems;
}

function permitProblems({ values, given, roles }: Facts): string[] {
  const problems: string[] = [];
  if (!given.has('PERMIT_API_KEY') && (given.has('PERMIT_PDP_URL') || given.has('PERMIT_API_URL'))) {
    problems.push(
      'PERMIT_API_KEY is missing while a Permit address is set: without it the emulator is used. Example: PERMIT_API_KEY=permit_key_…',
    );
  }
  if (roles !== 'any' && !roles.includes(values.PERMIT_DEFAULT_ROLE)) {
    problems.push(
      `PERMIT_DEFAULT_ROLE "${values.PERMIT_DEFAULT_ROLE}" is no role of the policy (${roles.join(', ')}). Example: PERMIT_DEFAULT_ROLE=${roles.at(-1) ?? 'viewer'}`,
    );
  }
  const real = given.has('PERMIT_API_KEY') && !EMULATOR_KEY.test(values.PERMIT_API_KEY ?? '');
  if (real && !given.has('LOGTO_ENDPOINT') && !values.ALLOW_MIXED_SERVICES) {
    problems.push(
      'PERMIT_API_KEY is set while Logto is emulated: demo administrators would be written into a real environment. Set LOGTO_ENDPOINT too, or ALLOW_MIXED_SERVICES=true, with which nothing is written to Permit. Example: LOGTO_ENDPOINT=https://tenant.logto.app',
    );
  }
  return problems;
}

function transportProblems({ values }: Facts): string[] {
  const addresses: [keyof Values, readonly (string | undefined)[]][] = [
    ['LOGTO_ENDPOINT', [values.LOGTO_ENDPOINT]],
    ['LOGTO_INTERNAL_ENDPOINT', [values.LOGTO_INTERNAL_ENDPOINT]],
    ['LOGTO_ISSUER', values.LOGTO_ISSUER],
    ['LOGTO_JWKS_URI', [values.LOGTO_JWKS_URI]],
    ['PERMIT_PDP_URL', [values.PERMIT_PDP_URL]],
    ['PERMIT_API_URL', [values.PERMIT_API_URL]],
  ];
  return addresses.flatMap(([name, urls]) =>
    urls
      .filter((address) => isPlainAbroad(address, values.ALLOW_INSECURE_HOSTS))
      .map(
        (address) =>
          `${name} ${address} is plain http to another machine: use https, or name the host in ALLOW_INSECURE_HOSTS. Example: ALLOW_INSECURE_HOSTS=${URL.parse(address ?? '')?.hostname}`,
      ),
  );
}

/** An emulated Logto has a web application too. Secrets are looked at where they are read. */
function sessionProblems({ values, given }: Facts): string[] {
  if (given.has('LOGTO_ENDPOINT') && !given.has('LOGTO_APP_ID')) return [];
  return sessionConfigurationProblems({
    baseUrl: values.BASE_URL ?? `http://localhost:${values.PORT}`,
    secrets: ['x'.repeat(32)],
    trustProxy: values.TRUST_PROXY,
    insecureHosts: values.ALLOW_INSECURE_HOSTS,
  }).map(
    (problem) =>
      `${problem}. Example: ${problem.includes('TRUST_PROXY') ? 'TRUST_PROXY=1' : 'BASE_URL=https://app.example'}`,
  );
}

/** Two doors of this process cannot have one port; 0 takes a free one. */
function portProblems({ values, given }: Facts): string[] {
  const ports: [keyof Values, number | undefined][] = [
    ['PORT', values.PORT],
    ['METRICS_PORT', values.METRICS_PORT],
    ['LOGTO_EMULATOR_PORT', given.has('LOGTO_ENDPOINT') ? undefined : values.LOGTO_EMULATOR_PORT],
    ['PERMIT_EMULATOR_PORT', given.has('PERMIT_API_KEY') ? undefined : values.PERMIT_EMULATOR_PORT],
  ];
  return ports.flatMap(([name, port], index) => {
    const first = port ? ports.findIndex((other) => other[1] === port) : index;
    if (first === index) return [];
    return [
      `${name} is ${port}, as ${ports[first]?.[0]}: each needs its own. Example: ${name}=${(port ?? 0) + 1}`,
    ];
  });
}

function productionProblems({ values, given }: Facts): string[] {
  const problems: string[] = [];
  const missing = (name: keyof Values, why: string, example: string) => {
    if (!given.has(name))
      problems.push(`${name} is missing: in production ${why}. Example: ${name}=${example}`);
  };
  missing('LOGTO_ENDPOINT', 'there is no emulator', 'https://tenant.logto.app');
  missing('PERMIT_API_KEY', 'there is no emulator', 'permit_key_…');
  if (given.has('LOGTO_APP_ID'))
    missing('SESSION_SECRETS', 'secrets are not generated', '$(openssl rand -base64 48)');
  for (const name of ['ALLOW_INSECURE_HOSTS', 'ALLOW_MIXED_SERVICES'] as const) {
    const used = name === 'ALLOW_MIXED_SERVICES' ? values[name] : given.has(name);
    if (used) problems.push(`${name} is set: not in production. Example: unset ${name}`);
  }
  for (const issuer of [values.LOGTO_ENDPOINT, ...values.LOGTO_ISSUER]) {
    if (issuer !== undefined && URL.parse(issuer)?.protocol === 'http:') {
      problems.push(
        `LOGTO_ENDPOINT and LOGTO_ISSUER: ${issuer} is plain http: not in production. Example: LOGTO_ENDPOINT=https://tenant.logto.app`,
      );
    }
  }
  if (values.LOGTO_WEBHOOK_SIGNING_KEYS.some((key) => key.length < 16)) {
    problems.push(
      'LOGTO_WEBHOOK_SIGNING_KEYS holds a key of less than 16 characters: not in production. Example: LOGTO_WEBHOOK_SIGNING_KEYS=…',
    );
  }
  if (EMULATOR_KEY.test(values.PERMIT_API_KEY ?? '')) {
    problems.push(
      "PERMIT_API_KEY is the emulator's: not in production. Example: PERMIT_API_KEY=permit_key_…",
    );
  }
  return problems;
}
