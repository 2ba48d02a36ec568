import { accessSync, constants, mkdirSync } from 'node:fs';
import { ConfigurationError } from '../errors.ts';

/**
 * Makes the data folder, for its owner alone, before anything is begun in it.
 *
 * @throws ConfigurationError when it cannot be made, read or written.
 */
export function openDataFolder(dataDir: string): void {
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    accessSync(dataDir, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new ConfigurationError([
      `DATA_DIR ${dataDir} cannot be used as a folder (${code}): name one that this process may write. Example: DATA_DIR=.data`,
    ]);
  }
}
