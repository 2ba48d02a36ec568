import type { Config } from '../app/config.ts';
import { demoSeed, type Seed } from '../emulators/seed.ts';
import { isCloudPdp } from '../permit/call-budget.ts';

const TOKEN = `sed 's/.*"token":"\\([^"]*\\)".*/\\1/'`;

/** What a person sees when everything is ready: what is real, who is there, and three calls to paste. */
export function bannerOf(options: {
  config: Config;
  version: string;
  tookMs: number;
  operator?: string | undefined;
  metricsUrl?: string | undefined;
}): string {
  const { config, version, tookMs, metricsUrl } = options;
  const { logto, permit, database, baseUrl } = config;
  const kind = (emulated: boolean) => (emulated ? 'embedded' : 'real    ');
  const lines = [
    '',
    `express-logto-permit ${version} is ready (${(tookMs / 1_000).toFixed(1)} s)`,
    '',
    `  application  ${baseUrl}   (${baseUrl}/docs${logto.app ? `, sign in: ${baseUrl}/logto/sign-in` : ''})`,
    `  Logto        ${kind(logto.emulated)}  ${logto.endpoint}`,
    `  Permit.io    ${kind(permit.emulated)}  ${permit.emulated ? permit.pdpUrl : `${permit.apiUrl}, decisions at ${permit.pdpUrl}`}`,
    `  database     ${database.url ? `real      ${withoutPassword(database.url)}` : `embedded  ${database.dataDir}`}`,
    ...(metricsUrl ? [`  metrics      ${metricsUrl}`] : []),
    ...warningsOf(config).map((warning) => `  ! ${warning}`),
  ];
  if (logto.emulated) lines.push('', ...demoPeople(demoSeed, config));
  if (logto.emulated && permit.emulated) lines.push('', ...curlLines(config));
  return `${lines.join('\n')}\n`;
}

function warningsOf({ mixed, production, permit, database }: Config): string[] {
  return [
    mixed && 'emulated Logto beside a real Permit: nothing is written to Permit',
    !permit.emulated &&
      isCloudPdp(permit.pdpUrl) &&
      'the cloud PDP answers 1,000 checks a minute: run a PDP container and set PERMIT_PDP_URL',
    production &&
      !database.url &&
      'the embedded database serves one instance only: set DATABASE_URL for more',
  ].filter((warning) => warning !== false);
}

function demoPeople(seed: Seed, config: Config): string[] {
  const people = seed.users.map(({ id, username, role, isSuspended }) => {
    const places = seed.organizations
      .filter(({ members }) => username in members)
      .map(
        ({ name, id: organization, members }) =>
          `${members[username]?.join(', ')} in ${name} (${organization})`,
      );
    const here = role ? [`${role} in ${config.permit.defaultTenant}`] : [];
    const standing = isSuspended ? ['suspended'] : [...here, ...places];
    return `    ${username.padEnd(8)} ${id}  ${standing.join('; ')}`;
  });
  const machines = seed.applications
    .filter(({ type, role }) => type === 'MachineToMachine' && role)
    .map(
      ({ id, name, role }) =>
        `    ${name.padEnd(8)} ${id}  machine, ${role} in ${config.permit.defaultTenant}`,
    );
  return ['  Demo users (password "password"):', ...people, ...machines];
}

/** Each works by itself, in any order: 200, 200, 403. */
function curlLines({ baseUrl, logto }: Config): string[] {
  const mint = (user: string) =>
    `${logto.endpoint}/_emulator/tokens -H 'Content-Type: application/json' -d '{"user":"${user}"}'`;
  const bearer = (user: string) => `-H "Authorization: Bearer $(curl -s ${mint(user)} | ${TOKEN})"`;
  return [
    '  Try it: a token for alice, a call that is allowed, one that is denied',
    '',
    `curl -i -s ${mint('alice')}`,
    `curl -i -s ${baseUrl}/api/reports ${bearer('alice')}`,
    `curl -i -s ${baseUrl}/api/reports ${bearer('carol')} -H 'Content-Type: application/json' -d '{"title":"Mine","body":"No"}'`,
  ];
}

function withoutPassword(url: string): string {
  const parsed = new URL(url);
  parsed.password = '';
  // It may be a parameter as well.
  parsed.search = '';
  return parsed.href;
}
