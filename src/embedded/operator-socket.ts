import { randomBytes, timingSafeEqual } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import type { Logger } from 'pino';

/** What a command may ask of a running application; arguments and results are JSON. */
export type Operation = (input: unknown, tell: (progress: unknown) => void) => Promise<unknown>;
export type OperatorSocket = { socket: string; token: string; close(): Promise<void> };

const SIGN_OF_LIFE_MS = 10_000;

/** The kernel takes some hundred bytes for a socket's path. */
const LONGEST_PATH = 100;

/**
 * Lets commands beside this process in, over a socket in the file system: the embedded database has one user, and
 * that is us. Answers one JSON line a progress step and a last one with `result` or `error`.
 */
export async function openOperatorSocket(options: {
  dataDir: string;
  operations: Readonly<Record<string, Operation>>;
  log: Logger;
}): Promise<OperatorSocket> {
  const { dataDir, operations, log } = options;
  const token = randomBytes(32).toString('base64url');
  const socket = socketPathIn(dataDir);
  const server = createServer((req, res) => {
    answer(req, res).catch((err: unknown) => {
      log.warn({ err }, 'operator command failed');
      res.destroy();
    });
  });

  async function answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const operation = operations[(req.url ?? '').slice(1)];
    if (!isToken(req.headers.authorization, token) || req.method !== 'POST')
      return void res.writeHead(403).end();
    if (!operation) return void res.writeHead(404).end();
    const input: unknown = JSON.parse((await textOf(req)) || 'null');
    res.writeHead(200, { 'Content-Type': 'application/x-ndjson' });
    const write = (line: object) => void res.write(`${JSON.stringify(line)}\n`);
    const signs = setInterval(() => write({}), SIGN_OF_LIFE_MS);
    try {
      write({ result: (await operation(input, (progress) => write({ progress }))) ?? null });
    } catch (error) {
      const { name, message } = error instanceof Error ? error : new Error(String(error));
      write({ error: { name, message, report: (error as { report?: unknown }).report ?? null } });
    } finally {
      clearInterval(signs);
    }
    res.end();
  }

  // Left behind by a process that was killed; ours holds the folder now.
  rmSync(socket, { force: true });
  await new Promise<void>((done, fail) => server.once('error', fail).listen(socket, done));
  chmodSync(socket, 0o600);
  server.unref();
  return {
    socket,
    token,
    async close() {
      const closed = new Promise((done) => server.close(done));
      server.closeAllConnections();
      await closed;
      if (dirname(socket) !== resolve(dataDir)) rmSync(dirname(socket), { recursive: true, force: true });
    },
  };
}

function socketPathIn(dataDir: string): string {
  const path = join(resolve(dataDir), 'run.sock');
  return path.length <= LONGEST_PATH ? path : join(mkdtempSync(join(tmpdir(), 'elp-')), 'run.sock');
}

function isToken(header: string | undefined, token: string): boolean {
  const given = Buffer.from(header ?? '');
  const wanted = Buffer.from(`Bearer ${token}`);
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

async function textOf(req: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of req) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
