import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Before the first suite: a folder for what the emulators of this run are asked and answer. */
export default function openRecordings(): void {
  process.env.PERMIT_EXCHANGES = mkdtempSync(join(tmpdir(), 'elp-exchanges-'));
}
