import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import type { Environment } from '../app/config-fields.ts';
import { ConfigurationError } from '../index.ts';

/**
 * The process's own variables over those of a `.env` file, when there is one.
 *
 * @throws ConfigurationError when the file is there and cannot be read.
 */
export function readEnvironment(env: Environment, file = '.env'): Environment {
  try {
    return { ...parseEnv(readFileSync(file, 'utf8')), ...env };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return env;
    throw new ConfigurationError([
      `${file} cannot be read (${code}): it has to be a file that this process may read. Example: cp .env.example .env`,
    ]);
  }
}
