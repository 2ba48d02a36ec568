import {
  type PermitEmulator,
  type PermitEmulatorOptions,
  startPermitEmulator,
} from '../../src/emulators/permit/start-permit-emulator.ts';
import { examplePolicy } from './permit-policy.ts';

// biome-ignore lint/suspicious/noExplicitAny: answers are looked into member by member
export type PermitAnswer = { status: number; text: string; body: any };
type Elsewhere = { key?: string | null; base?: string; headers?: Record<string, string> };

export type PermitCaller = {
  emulator: PermitEmulator;
  /** `facts/…` and `schema/…` mean the seeded environment; a string body goes out as it stands. */
  call(method: string, path: string, body?: unknown, elsewhere?: Elsewhere): Promise<PermitAnswer>;
  /** `POST /allowed`. */
  allowed(user: string | object, action: string, resource: object): Promise<boolean>;
  close(): Promise<void>;
};

/** An emulator and plain HTTP: for what no SDK would send. */
export async function openPermitCaller(options: PermitEmulatorOptions = {}): Promise<PermitCaller> {
  const emulator = await startPermitEmulator({ policy: examplePolicy, ...options });

  const call: PermitCaller['call'] = async (method, path, body, elsewhere = {}) => {
    const { key = emulator.keys.environment, base = emulator.url, headers = {} } = elsewhere;
    const full = path.replace(/^(facts|schema)\//, '/v2/$1/default/dev/');
    const answer = await fetch(`${base}${full}`, {
      method,
      headers: {
        'content-type': 'application/json',
        ...(key === null ? {} : { authorization: `Bearer ${key}` }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await answer.text();
    const json = answer.headers.get('content-type')?.includes('json') && text !== '';
    return { status: answer.status, text, body: json ? JSON.parse(text) : undefined };
  };

  return {
    emulator,
    call,
    allowed: async (user, action, resource) => {
      const who = typeof user === 'string' ? { key: user } : user;
      const answer = await call('POST', '/allowed', { user: who, action, resource });
      return answer.body?.allow === true;
    },
    close: () => emulator.close(),
  };
}
