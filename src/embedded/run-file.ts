import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { z } from 'zod';

const FILE = 'run.json';

const shape = z.object({
  pid: z.number(),
  startedAt: z.string(),
  /** Where commands come in. */
  socket: z.string(),
  token: z.string(),
  /** Where the application listens, when whoever wrote this knows. */
  url: z.string().optional(),
  logto: z.object({ endpoint: z.string(), emulated: z.boolean() }),
  permit: z.object({
    pdpUrl: z.string(),
    apiUrl: z.string(),
    apiKey: z.string().optional(),
    emulated: z.boolean(),
  }),
});

/** What a running application tells the commands beside it. */
export type RunFile = z.output<typeof shape>;

/** Readable by its owner alone: whoever has the token may operate the application. */
export function writeRunFile(dataDir: string, content: RunFile): void {
  const file = join(dataDir, FILE);
  writeFileSync(`${file}.new`, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

export function removeRunFile(dataDir: string): void {
  rmSync(join(dataDir, FILE), { force: true });
}

/** A process that is busy takes the connection late; one that has died takes none. */
const SLOWEST_ACCEPT_MS = 5_000;

/**
 * The application that runs on this folder.
 *
 * @returns `undefined` when none does, or what is written comes from a process that has died: its number may
 *   belong to somebody else by now, its socket answers nobody.
 */
export async function findRunning(dataDir: string): Promise<RunFile | undefined> {
  const content = readRunFile(dataDir);
  return content && (await isOpen(content.socket)) ? content : undefined;
}

function readRunFile(dataDir: string): RunFile | undefined {
  try {
    return shape.parse(JSON.parse(readFileSync(join(dataDir, FILE), 'utf8')));
  } catch {
    return undefined;
  }
}

function isOpen(socket: string): Promise<boolean> {
  return new Promise((answer) => {
    const attempt = connect(socket);
    const end = (open: boolean) => {
      attempt.destroy();
      answer(open);
    };
    attempt.setTimeout(SLOWEST_ACCEPT_MS, () => end(false));
    attempt.once('connect', () => end(true)).once('error', () => end(false));
  });
}
