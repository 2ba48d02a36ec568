import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Express } from 'express';
import { type Logger, pino } from 'pino';
import { readConfig } from '../../src/app/config.ts';
import { createApp } from '../../src/app/create-app.ts';
import { policy } from '../../src/app/policy.ts';
import { reportMigrations } from '../../src/app/reports/report-migrations.ts';
import { gateMigrations } from '../../src/gate/gate-migrations.ts';
import { createGate, createLimitedServer, type GateOptions } from '../../src/index.ts';
import { startEmulators, type TestEmulators } from '../../src/testing.ts';
import { openTestDatabase } from './database.ts';

export type AppStack = {
  emulators: TestEmulators;
  gate: ReturnType<typeof createGate<typeof policy>>;
  app: Express;
  url: string;
  /** One call to the application as somebody (`alice`, `alice@acme`, or nobody). */
  call(
    who: string | undefined,
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<Answer>;
  close(): Promise<void>;
};

// biome-ignore lint/suspicious/noExplicitAny: bodies are asserted on, member by member
export type Answer = { status: number; headers: Headers; body: any };

/** The reference application with both emulators and a database of its own, listening on a free port. */
export async function startAppStack({
  decisionCacheTtlMs,
  ...settings
}: Partial<GateOptions<typeof policy>> & {
  log?: Logger;
  decisionCacheTtlMs?: number;
} = {}): Promise<AppStack> {
  const emulators = await startEmulators({ policy });
  const database = await openTestDatabase([...gateMigrations, ...reportMigrations]);
  const gate = createGate({
    ...emulators.gate,
    permit: { ...emulators.gate.permit, cacheTtlMs: decisionCacheTtlMs },
    policy,
    database,
    migrations: reportMigrations,
    log: pino({ level: 'silent' }),
    ...settings,
  });
  const app = createApp({ gate, config: { ...readConfig({}), baseUrl: emulators.gate.baseUrl } });
  emulators.deliverTo(app);
  await gate.start();
  const server = createLimitedServer(app).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const tokens = new Map<string, Promise<string>>();

  function tokenOf(who: string): Promise<string> {
    const known = tokens.get(who);
    if (known) return known;
    const [name = '', organization] = who.split('@');
    const subject = name === 'reporter' ? { machine: name } : name;
    const token = emulators.tokenFor(subject, organization ? { organization } : {});
    tokens.set(who, token);
    return token;
  }

  return {
    emulators,
    gate,
    app,
    url,
    async call(who, method, path, body, headers = {}) {
      const answer = await fetch(`${url}${path}`, {
        method,
        headers: {
          ...(who ? { Authorization: `Bearer ${await tokenOf(who)}` } : {}),
          ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      });
      const text = await answer.text();
      return { status: answer.status, headers: answer.headers, body: text === '' ? undefined : parsed(text) };
    },
    async close() {
      await closeServer(server);
      await gate.stop();
      await database.close();
      await emulators.close();
    },
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

export async function closeServer(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
}
