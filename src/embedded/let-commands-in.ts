import type { Logger } from 'pino';
import { type Operation, openOperatorSocket } from './operator-socket.ts';
import { type RunFile, removeRunFile, writeRunFile } from './run-file.ts';

/**
 * Lets the commands beside this process operate it, where its folder has one user, and that is this process.
 */
export async function letCommandsIn(options: {
  dataDir: string;
  operations: Readonly<Record<string, Operation>>;
  /** What they are told of the application. */
  about: Omit<RunFile, 'pid' | 'startedAt' | 'socket' | 'token'>;
  startedAtMs: number;
  log: Logger;
}): Promise<{ stop(): Promise<void> }> {
  const { dataDir, operations, about, startedAtMs, log } = options;
  const { socket, token, close } = await openOperatorSocket({ dataDir, operations, log });
  writeRunFile(dataDir, {
    pid: process.pid,
    startedAt: new Date(startedAtMs).toISOString(),
    socket,
    token,
    ...about,
  });
  return {
    async stop() {
      removeRunFile(dataDir);
      await close();
    },
  };
}
