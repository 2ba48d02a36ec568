import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

const FILE = 'secrets.json';
const shape = z.object({ sessionSecret: z.string().min(32), webhookSigningKey: z.string().min(32) });

export type KeptSecrets = z.output<typeof shape>;

/**
 * Secrets that nobody had to invent: made at the first start and kept in the data folder, readable by its owner
 * alone, so that sessions and the webhook's signature survive a restart.
 *
 * @throws Error when the file is there and is not ours.
 */
export function keepSecrets(dataDir: string): KeptSecrets {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const file = join(dataDir, FILE);
  const kept = readIfThere(file);
  if (kept !== undefined) {
    chmodSync(file, 0o600);
    return shape.parse(JSON.parse(kept));
  }
  const made: KeptSecrets = { sessionSecret: random(), webhookSigningKey: random() };
  // Written aside first: a kill in the middle leaves no half file that the next start would stumble over.
  writeFileSync(`${file}.new`, JSON.stringify(made), { mode: 0o600 });
  renameSync(`${file}.new`, file);
  return made;
}

const random = () => randomBytes(36).toString('base64url');

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
