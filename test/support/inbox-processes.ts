import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { Agent, createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { type ChildProcess, spawn } from './child-process.ts';
import type { InboxProcessOptions } from './inbox-process.ts';
import { sign, signingKey } from './webhook-client.ts';

export type Fact = { subject: string; fence: number; pid: number; letters: string[] };

/** Stands for Permit: remembers who was written, and whether two processes wrote one subject at once. */
export async function startFacts() {
  const writes: Fact[] = [];
  const active = new Map<string, Fact>();
  const world = {
    url: '',
    writes,
    overlaps: [] as [Fact, Fact][],
    /** Called while a write is being answered. */
    before: async (_fact: Fact): Promise<void> => undefined,
    subjects: () => new Set(writes.map((write) => write.subject)),
    close: async (): Promise<void> => undefined,
  };
  const server = createServer(async (req, res) => {
    const chunks: Buffer[] = [];
    for await (const chunk of req) chunks.push(chunk as Buffer);
    const fact = JSON.parse(Buffer.concat(chunks).toString()) as Fact;
    const other = active.get(fact.subject);
    if (other) world.overlaps.push([other, fact]);
    active.set(fact.subject, fact);
    const over = () => active.get(fact.subject) === fact && active.delete(fact.subject);
    res.on('close', over);
    writes.push(fact);
    await world.before(fact);
    over();
    res.end('{}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  world.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  world.close = async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  };
  return world;
}

const children = new Set<ChildProcess>();

/** What a failed test left running. */
export function killInboxProcesses(): void {
  for (const child of children) child.kill('SIGKILL');
}

/** Starts a receiver process and waits until it listens. */
export async function startInboxProcess(options: Omit<InboxProcessOptions, 'signingKey'>) {
  const child: ChildProcess = spawn(
    process.execPath,
    [
      '--conditions=source',
      resolve('test/support/inbox-process.ts'),
      JSON.stringify({ ...options, signingKey }),
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  children.add(child);
  child.once('exit', () => children.delete(child));
  const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  const first = once(createInterface({ input: child.stdout as NodeJS.ReadableStream }), 'line');
  const line = await Promise.race([
    first,
    exited.then(([code]) => Promise.reject(new Error(`exited with ${code}`))),
  ]);
  const port = Number((line as [string])[0]);
  return {
    port,
    pid: child.pid as number,
    exited,
    signal: (name: NodeJS.Signals) => child.kill(name),
    async kill(): Promise<void> {
      child.kill('SIGKILL');
      await exited;
    },
    async backlog(): Promise<number> {
      const response = await fetch(`http://127.0.0.1:${port}/stats`, {
        // A kept connection may end just when it is used again.
        headers: { connection: 'close' },
        signal: AbortSignal.timeout(10_000),
      });
      return ((await response.json()) as { backlog: number }).backlog;
    },
  };
}

export const newUserId = () => randomUUID().replaceAll('-', '');

/** Sends one registration; resolves to its subject once a 200 was read whole, else to undefined. */
export function createSender() {
  const agent = new Agent({ keepAlive: true, maxSockets: 20 });
  /** Why a letter was not acknowledged: a status, or what became of the connection. */
  const refusals: string[] = [];
  return {
    refusals,
    /** `fresh`: over a connection of its own. One kept from before may be closed just when it is used again. */
    send(port: number, { fresh = false, userId = newUserId() } = {}): Promise<string | undefined> {
      const body = Buffer.from(
        JSON.stringify({
          event: 'PostRegister',
          createdAt: new Date().toISOString(),
          userId,
          user: { id: userId },
          hookId: 'h',
          // No two deliveries are the same bytes.
          sessionId: randomUUID(),
        }),
      );
      return new Promise((done) => {
        const req = request(
          {
            port,
            host: '127.0.0.1',
            method: 'POST',
            path: '/api/webhooks/logto',
            agent: fresh ? false : agent,
            timeout: 10_000,
            headers: {
              'content-type': 'application/json',
              'content-length': body.length,
              'logto-signature-sha-256': sign(body),
            },
          },
          (res) => {
            res.resume();
            res.on('end', () => {
              if (res.statusCode === 200 && res.complete) done(`user:${userId}`);
              else refuse(`status ${res.statusCode}`);
            });
            res.on('error', refuse);
          },
        );
        const refuse = (why: unknown) => {
          refusals.push(String(why));
          done(undefined);
        };
        req.on('error', refuse);
        req.on('timeout', () => req.destroy(new Error('no answer in 10 s')));
        req.end(body);
      });
    },
    close: () => agent.destroy(),
  };
}
