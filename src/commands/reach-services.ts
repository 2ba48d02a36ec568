import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import { type Config, readConfig } from '../app/config.ts';
import { gateSettingsOf } from '../app/gate-settings.ts';
import { withEmbedded } from '../app/with-embedded.ts';
import { callOperator } from '../embedded/call-operator.ts';
import { findRunning, type RunFile } from '../embedded/run-file.ts';
import { seedLogto } from '../embedded/start-emulators.ts';
import { operationsOf } from '../gate/operations.ts';
import {
  ConfigurationError,
  createGate,
  type Gate,
  openDatabase,
  type PolicyInput,
  roleKeysOf,
} from '../index.ts';
import type { CommandContext } from './command.ts';
import { readEnvironment } from './read-environment.ts';

export type Reached = {
  config: Config;
  /** The application that runs in this data folder, if one does. */
  running: RunFile | undefined;
};

/**
 * The configuration of a command: as the application's, and where a service is not configured it means the
 * emulator that runs, in the application beside it or at its usual port. Nothing is started.
 *
 * @param catalogue whose roles the default role has to be one of, where the command is about another policy than the
 *   reference application's.
 * @throws ConfigurationError with every mistake.
 */
export async function reachServices(
  { env, installed }: Pick<CommandContext, 'env' | 'installed'>,
  catalogue?: PolicyInput,
): Promise<Reached> {
  const roles = catalogue ? roleKeysOf(catalogue) : installed ? 'any' : undefined;
  const config = readConfig(readEnvironment(env), roles);
  const running = await findRunning(config.database.dataDir);
  const { logto, permit } = config;
  return {
    running,
    config: withEmbedded(config, {
      logto: logto.emulated
        ? { ...seedLogto, endpoint: running?.logto.emulated ? running.logto.endpoint : logto.endpoint }
        : undefined,
      permit:
        permit.emulated && running?.permit.emulated ? permitOf(running.permit, permit.apiKey) : undefined,
    }),
  };
}

function permitOf({ pdpUrl, apiUrl, apiKey }: RunFile['permit'], usual: string) {
  return { pdpUrl, apiUrl, apiKey: apiKey ?? usual };
}

/** Calls one operation of `operationsOf`, wherever it has to run. */
export type Operate = (
  operation: string,
  input?: unknown,
  onProgress?: (progress: unknown) => void,
) => Promise<unknown>;

/**
 * Operates the running application where its embedded database lets nobody else in, and otherwise a gate of this
 * process on the same database.
 *
 * @param options.workers whether this process works what the operation leaves to do, as a reconcile needs it.
 * @param options.policy which roles there are; without it nothing is written to Permit.
 * @throws ConfigurationError when there is neither.
 */
export async function withOperations<T>(
  { config, running }: Reached,
  work: (operate: Operate) => Promise<T>,
  { workers = false, policy }: { workers?: boolean; policy?: PolicyInput | undefined } = {},
): Promise<T> {
  const { url, dataDir } = config.database;
  if (!url && running) return work((operation, input, tell) => callOperator(running, operation, input, tell));
  if (!url && !existsSync(join(dataDir, 'database'))) {
    throw new ConfigurationError([
      `DATA_DIR ${dataDir} holds no database and DATABASE_URL is not set: start the application once, or name its folder. Example: DATA_DIR=.data`,
    ]);
  }
  const log = pino({ level: 'silent' });
  const settings = gateSettingsOf({
    ...config,
    logto: { ...config.logto, app: undefined },
    reconcileEveryMinutes: -1,
  });
  // Opened here: other commands may come in to an application, not to a command.
  const database = await openDatabase(url ? { url, log } : { dataDir, log });
  try {
    const gate = createGate<PolicyInput>({
      ...settings,
      database,
      ...(policy ? { policy } : { permit: { ...settings.permit, readOnly: true } }),
      // The application's own tables are its own business.
      migrations: [],
      log,
    });
    return await operating(gate, { workers }, work);
  } finally {
    await database.close();
  }
}

async function operating<T>(
  gate: Gate<PolicyInput>,
  { workers }: { workers: boolean },
  work: (operate: Operate) => Promise<T>,
): Promise<T> {
  try {
    await gate.start({ work: workers });
    const operations = operationsOf(gate);
    return await work(async (operation, input, tell = () => undefined) =>
      operations[operation]?.(input, tell),
    );
  } finally {
    await gate.stop();
  }
}
