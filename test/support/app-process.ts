import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type ChildProcess, spawn } from './child-process.ts';

export type RunningApp = {
  child: ChildProcess;
  /** Everything that it has written, to both streams. */
  output(): string;
  url: string;
  logtoUrl: string;
  permitUrl: string;
  readyMs: number;
  kill(signal?: NodeJS.Signals): Promise<number | null>;
};

const root = resolve(import.meta.dirname, '../..');

/** Variables of a process of its own: nothing of this machine, no port that anybody else has. */
export function environmentFor(dataDir: string, more: Record<string, string> = {}): NodeJS.ProcessEnv {
  const { PATH, HOME, TMPDIR } = process.env;
  return {
    ...(PATH ? { PATH } : {}),
    ...(HOME ? { HOME } : {}),
    ...(TMPDIR ? { TMPDIR } : {}),
    PORT: '0',
    LOGTO_EMULATOR_PORT: '0',
    PERMIT_EMULATOR_PORT: '0',
    DATA_DIR: dataDir,
    LOG_LEVEL: 'warn',
    RECONCILE_EVERY_MINUTES: '-1',
    ...more,
  };
}

export type ProcessOutcome = { code: number | null; stdout: string; stderr: string };

/** Runs one of the repository's own entry files to its end. */
export async function runEntry(
  entry: string,
  parameters: readonly string[],
  env: NodeJS.ProcessEnv,
  timeoutMs = 60_000,
): Promise<ProcessOutcome> {
  const child = spawn(
    process.execPath,
    ['--conditions=source', '--disable-warning=ExperimentalWarning', join(root, entry), ...parameters],
    {
      cwd: env.DATA_DIR ?? root,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: timeoutMs,
    },
  );
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk) => (stdout += chunk));
  child.stderr.on('data', (chunk) => (stderr += chunk));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout, stderr };
}

/**
 * The reference application as `npm start` runs it, in a process that can be killed.
 *
 * @throws Error with its output when it ends before it is ready.
 */
export async function startApp(dataDir: string, more: Record<string, string> = {}): Promise<RunningApp> {
  const startedAt = performance.now();
  const child = spawn(
    process.execPath,
    ['--conditions=source', '--disable-warning=ExperimentalWarning', join(root, 'src/server.ts')],
    {
      cwd: dataDir,
      env: environmentFor(dataDir, more),
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let output = '';
  const ready = Promise.withResolvers<void>();
  const read = (chunk: Buffer) => {
    output += chunk;
    if (/ is ready \(/.test(output)) ready.resolve();
  };
  child.stdout.on('data', read);
  child.stderr.on('data', read);
  child.once('close', (code) =>
    ready.reject(new Error(`ended with ${code} before it was ready:\n${output}`)),
  );
  await ready.promise;
  const readyMs = performance.now() - startedAt;
  const run = JSON.parse(readFileSync(join(dataDir, 'run.json'), 'utf8'));
  return {
    child,
    output: () => output,
    url: run.url,
    logtoUrl: run.logto.endpoint,
    permitUrl: run.permit.apiUrl,
    readyMs,
    async kill(signal = 'SIGKILL') {
      if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
      const closed = once(child, 'close');
      child.kill(signal);
      const [code] = (await closed) as [number | null];
      return code;
    },
  };
}

export async function freshToken(logtoUrl: string, user: string, organization?: string): Promise<string> {
  const answer = await fetch(`${logtoUrl}/_emulator/tokens`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ user, organization }),
  });
  return ((await answer.json()) as { token: string }).token;
}
