import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export type Child = {
  ready: Record<string, unknown>;
  process: ChildProcess;
  /** When it has ended by itself. */
  ended: Promise<unknown>;
  stop(): Promise<void>;
};

/** Starts a script of this folder in a process of its own; ready when it has printed one line of JSON. */
export async function startChild(script: string, options: Record<string, unknown>): Promise<Child> {
  // Ten thousand tokens are too long for a command line.
  const folder = mkdtempSync(join(tmpdir(), 'elp-bench-child-'));
  writeFileSync(join(folder, 'options.json'), JSON.stringify(options));
  const child = spawn(
    process.execPath,
    [
      '--conditions=source',
      '--disable-warning=ExperimentalWarning',
      join(import.meta.dirname, script),
      join(folder, 'options.json'),
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const ended = once(child, 'exit');
  const lines = createInterface({ input: child.stdout });
  const first = await Promise.race([
    once(lines, 'line').then(([line]) => String(line)),
    ended.then(([code]) => {
      throw new Error(`${script} ended with ${code} before it was ready`);
    }),
  ]).finally(() => rmSync(folder, { recursive: true, force: true }));
  return {
    ready: JSON.parse(first),
    process: child,
    ended,
    async stop() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

/** For the script at the other end: its options, and how it says that it is ready. */
export function childOptions<T>(): T {
  return JSON.parse(readFileSync(process.argv[2] as string, 'utf8')) as T;
}

export function sayReady(facts: Record<string, unknown>): void {
  process.stdout.write(`${JSON.stringify(facts)}\n`);
}
