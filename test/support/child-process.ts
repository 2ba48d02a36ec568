/**
 * The one door to processes of their own: whatever a test starts, and whatever that starts, has its Permit emulators
 * observed. `test/architecture` holds every test to it.
 */
import {
  type ChildProcess,
  type ExecFileOptions,
  execFile as nodeExecFile,
  spawn as nodeSpawn,
} from 'node:child_process';
import { promisify } from 'node:util';

export type { ChildProcess };

const recorder = new URL('permit-recorder.mjs', import.meta.url).href;

export const spawn = ((
  file: string,
  parameters: readonly string[],
  options: { env?: NodeJS.ProcessEnv } = {},
) => nodeSpawn(file, parameters, observed(options))) as typeof nodeSpawn;

export function execFile(file: string, parameters: readonly string[], options: ExecFileOptions = {}) {
  return promisify(nodeExecFile)(file, parameters, { ...observed(options), encoding: 'utf8' });
}

function observed<Options extends { env?: NodeJS.ProcessEnv | undefined }>(options: Options): Options {
  const env = {
    ...(options.env ?? process.env),
    NODE_OPTIONS: `--import=${recorder}`,
    PERMIT_EXCHANGES: process.env.PERMIT_EXCHANGES,
  };
  return { ...options, env };
}
