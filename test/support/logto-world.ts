import { type LogtoEmulator, startLogtoEmulator } from '../../src/emulators/logto/emulator.ts';
import type { LogtoVersion } from '../../src/emulators/logto/issuer.ts';
import { emptySeed } from '../../src/emulators/seed.ts';
import { openReceiver, type Receiver } from './logto-receiver.ts';
import { type Exchange, recording } from './logto-recordings.ts';
import { headerDifferences, shapeDifferences } from './logto-shapes.ts';

export type Answer = { status: number; headers: Headers; body: unknown };
/** One way in which the emulator is not as recorded. */
export type Difference = { area: string; request: string; difference: string };

export const api = 'http://localhost:3000/api';
export const managementApi = 'https://default.logto.app/api';

export type World = Awaited<ReturnType<typeof openWorld>>;

/**
 * An emulator in the state of the recorded server: the recorded set-up calls are made again, and recorded ids are
 * translated to those that came out.
 */
export async function openWorld(version: LogtoVersion) {
  const receiver: Receiver = await openReceiver('unused');
  const logto: LogtoEmulator = await startLogtoEmulator({
    version,
    seed: {
      ...emptySeed,
      roles: [],
      organizations: [],
      apiResources: {},
      applications: [
        {
          id: 'seeder',
          name: 'seeder',
          secret: 'seeder-secret',
          type: 'MachineToMachine',
          managementApi: true,
        },
      ],
    },
  });
  const ids = new Map<string, string>();
  const secrets = new Map<string, string>();
  const setUpDifferences: Difference[] = [];

  /** Recorded ids and addresses, as they are here. */
  function here<T>(value: T): T {
    let json = JSON.stringify(value);
    if (json === undefined) return value;
    for (const [recorded, actual] of ids) json = json.replaceAll(recorded, actual);
    return JSON.parse(json.replaceAll('http://localhost:9400/ok', receiver.url)) as T;
  }

  async function form(path: string, fields: Record<string, string | string[]>, basic?: [string, string]) {
    const body = new URLSearchParams();
    for (const [name, value] of Object.entries(fields))
      for (const item of [value].flat()) body.append(name, item);
    const headers = basic ? { authorization: `Basic ${btoa(basic.join(':'))}` } : undefined;
    return answerOf(await fetch(logto.url + path, { method: 'POST', body, ...(headers ? { headers } : {}) }));
  }

  async function managementToken(scope = 'all'): Promise<string> {
    const { body } = await form(
      '/oidc/token',
      { grant_type: 'client_credentials', resource: managementApi, scope },
      ['seeder', 'seeder-secret'],
    );
    return (body as { access_token: string }).access_token;
  }
  const token = await managementToken();

  /** A call of the Management API; ids in path and body may be recorded ones. */
  async function call(method: string, path: string, body?: unknown, authorization = `Bearer ${token}`) {
    const text = typeof body === 'string' ? body : JSON.stringify(here(body));
    return answerOf(
      await fetch(logto.url + here(path), {
        method,
        headers: {
          ...(authorization === '' ? {} : { authorization }),
          'user-agent': 'node',
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: text }),
      }),
    );
  }

  function compare(area: string, request: string, { response }: Exchange, answer: Answer): Difference[] {
    const found =
      answer.status === response.status
        ? [
            ...headerDifferences(response.headers, answer.headers),
            ...shapeDifferences(response.body, answer.body),
          ]
        : [`status ${answer.status} instead of ${response.status}`];
    return found.map((difference) => ({ area, request, difference }));
  }

  ids.set('6rrpi2nt8flzr4sabpwal', 'management-api-access');
  for (const [name, exchange] of Object.entries(
    recording<Record<string, Exchange>>('management-api/setup-calls.json'),
  )) {
    if (!('request' in exchange)) continue;
    const { request, response } = exchange;
    const answer = await call(request.method, request.path, request.body);
    // One call's webhooks before the next one's: the recording was made by hand, at leisure.
    await logto.settled();
    setUpDifferences.push(...compare('Management API, set-up', name, exchange, answer));
    const [recorded, actual] = [response.body, answer.body] as { id?: string }[];
    if (recorded?.id && actual?.id) ids.set(recorded.id, actual.id);
    if (request.path === '/api/applications' && actual?.id) {
      const listed = await call('GET', `/api/applications/${actual.id}/secrets`);
      const [first] = listed.body as { value: string }[];
      if (recorded?.id && first) secrets.set(recorded.id, first.value);
    }
  }

  if (version === '1.42') aliasAccounts(ids);

  return {
    logto,
    receiver,
    version,
    ids,
    secrets,
    setUpDifferences,
    here,
    form,
    call,
    compare,
    managementToken,
    async close() {
      await logto.close();
      await receiver.close();
    },
  };
}

type Accounts = {
  _accounts: {
    users: Record<string, { id: string; organizations?: Record<string, string> }>;
    apps: Record<string, string>;
  };
};

/** The second server had ids of its own for the same accounts. */
function aliasAccounts(ids: Map<string, string>): void {
  const flat = ({ _accounts: { users, apps } }: Accounts) => [
    ...Object.values(users).flatMap(({ id, organizations = {} }) => [id, ...Object.keys(organizations)]),
    ...Object.values(apps),
  ];
  const [first, second] = ['tokens.json', 'v1.42.0/tokens.json'].map((path) =>
    flat(recording<Accounts>(path)),
  );
  second?.forEach((id, index) => {
    const actual = ids.get(first?.[index] ?? '');
    if (actual) ids.set(id, actual);
  });
}

async function answerOf(answer: Response): Promise<Answer> {
  const text = await answer.text();
  let body: unknown = text === '' ? null : text;
  if (answer.headers.get('content-type')?.includes('json')) body = JSON.parse(text);
  return { status: answer.status, headers: answer.headers, body };
}
