import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { demoSeed } from '../src/emulators/seed.ts';
import { startChild } from './child.ts';
import { type LoadResult, load } from './load.ts';

const TOKENS = 100;
const API_RESOURCE = 'http://localhost:3000/api';

/**
 * The reference application as it is started, with logs, metrics, headers, rate limits, revocation and its
 * database: reading one report over and over. The emulators stand beside it, the load comes from a third process.
 */
export async function measureApplication(options: {
  connections: number;
  seconds: number;
}): Promise<LoadResult> {
  const emulators = await startChild('permission-emulators.ts', {});
  const { logto, permit, apiKey } = emulators.ready as { logto: string; permit: string; apiKey: string };
  const dataDir = mkdtempSync(join(tmpdir(), 'elp-bench-'));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const application = (id: string) => demoSeed.applications.find((one) => one.id.startsWith(id));
  const management = application('management');
  const child = spawn(
    process.execPath,
    [
      '--conditions=source',
      '--disable-warning=ExperimentalWarning',
      join(import.meta.dirname, '../src/server.ts'),
    ],
    {
      stdio: 'ignore',
      env: {
        PATH: process.env.PATH,
        PORT: String(port),
        DATA_DIR: dataDir,
        LOG_LEVEL: 'info',
        RATE_LIMIT_PER_MINUTE: '10000000',
        LOGTO_ENDPOINT: logto,
        LOGTO_API_RESOURCE: API_RESOURCE,
        LOGTO_M2M_APP_ID: management?.id,
        LOGTO_M2M_APP_SECRET: management?.secret,
        LOGTO_WEBHOOK_SIGNING_KEYS: 'a-signing-key-for-the-benchmark',
        SESSION_SECRETS: 'a-session-secret-of-more-than-32-characters',
        PERMIT_API_KEY: apiKey,
        PERMIT_PDP_URL: permit,
        PERMIT_API_URL: permit,
      },
    },
  );
  try {
    await ready(`${url}/readyz`);
    const tokens = await Promise.all(Array.from({ length: TOKENS }, () => tokenOf(logto)));
    const created = await fetch(`${url}/api/reports`, {
      method: 'POST',
      headers: { authorization: `Bearer ${tokens[0]}`, 'content-type': 'application/json' },
      body: JSON.stringify({ title: 'A report', body: 'To be read.' }),
    });
    const { id } = (await created.json()) as { id: string };
    const target = { url: `${url}/api/reports/${id}`, tokens, connections: options.connections };
    await load({ ...target, seconds: 2 });
    return await load({ ...target, seconds: options.seconds });
  } finally {
    child.kill('SIGKILL');
    await once(child, 'exit');
    await emulators.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

async function tokenOf(logto: string): Promise<string> {
  const answer = await fetch(`${logto}/_emulator/tokens`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ user: 'alice', resource: API_RESOURCE }),
  });
  return ((await answer.json()) as { token: string }).token;
}

async function ready(url: string): Promise<void> {
  const deadlineAt = performance.now() + 60_000;
  while (performance.now() < deadlineAt) {
    const answer = await fetch(url).catch(() => undefined);
    if (answer?.status === 200) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('the application did not become ready');
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}
