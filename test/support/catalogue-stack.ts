import { type AppStack, startAppStack } from './app-stack.ts';
import { sendRaw } from './http-raw.ts';

export const ACME = 'acme00000000';
export type Question = { user: { key: string }; action: string; resource: { tenant?: string; key?: string } };

/** The reference application, asked with request lines and tokens that no client library would send. */
export async function openCatalogueStack(
  settings: Parameters<typeof startAppStack>[0] = {},
): Promise<AppStack & ReturnType<typeof callsOf>> {
  const stack = await startAppStack(settings);
  return { ...stack, ...callsOf(stack) };
}

function callsOf(stack: AppStack) {
  const port = Number(new URL(stack.url).port);
  const { emulators } = stack;
  let lastSeen = 0;

  async function create(who: string, title = 'A report'): Promise<string> {
    const made = await stack.call(who, 'POST', '/api/reports', { title, body: '' });
    if (made.status !== 201) throw new Error(`${who} could not create a report: ${made.status}`);
    return made.body.id;
  }

  return {
    create,
    /** Sends `line` (`GET /path`) as it stands. */
    async raw(line: string, token: string, headers: readonly string[] = [], body = ''): Promise<number> {
      const [method = '', ...path] = line.split(' ');
      const type = body === '' ? [] : ['Content-Type: application/json'];
      const own = [`Authorization: Bearer ${token}`, ...type, ...headers];
      return (await sendRaw(port, { method, path: path.join(' '), headers: own, body })).status;
    },
    /** Status of a call with a token whose claims are these, signed as Logto would. */
    async claiming(claims: Record<string, unknown>, path: string, user = 'alice'): Promise<number> {
      const token = await emulators.tokenFor(user, { claims });
      return (await fetch(`${stack.url}${path}`, { headers: { Authorization: `Bearer ${token}` } })).status;
    },
    /** What the decision point has been asked since the last look. */
    async questions(): Promise<Question[]> {
      const answer = await fetch(`${emulators.permit.url}/_emulator/requests`);
      const all = (await answer.json()) as { id: number; path: string; body: Question | Question[] }[];
      const fresh = all.filter(({ id, path }) => id > lastSeen && path.startsWith('/allowed'));
      lastSeen = Math.max(lastSeen, ...all.map(({ id }) => id));
      return fresh.flatMap(({ body }) => body).reverse();
    },
    /** Calls Logto's Management API, and waits until what follows from it is done. */
    async manage(method: string, path: string, body?: unknown): Promise<void> {
      const { token } = await emulators.logto.mintToken({
        machine: 'Management API access',
        resource: 'https://default.logto.app/api',
      });
      const answer = await fetch(`${emulators.logto.url}${path}`, {
        method,
        headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      if (!answer.ok) throw new Error(`${method} ${path} answered ${answer.status}`);
      await emulators.logto.settled();
      await stack.gate.sync.settled();
    },
  };
}
