import type { LogtoEmulator } from '../../src/emulators/logto/emulator.ts';

/** Any JSON; tests know what they asked for. */

type Json = ReturnType<typeof JSON.parse>;

export type ManagementCaller = (
  method: string,
  path: string,
  body?: unknown,
) => Promise<{ status: number; headers: Headers; body: Json }>;

/** Calls the Management API as the seeded machine application that may. */
export async function createManagementCaller(logto: LogtoEmulator): Promise<ManagementCaller> {
  const { token } = await logto.mintToken({
    machine: 'management0000000000a',
    resource: 'https://default.logto.app/api',
  });
  return async function call(method, path, body) {
    const answer = await fetch(logto.url + path, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    const isJson = answer.headers.get('content-type')?.includes('json');
    return { status: answer.status, headers: answer.headers, body: isJson ? JSON.parse(text) : text };
  };
}
