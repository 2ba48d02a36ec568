import { rmSync } from 'node:fs';
import { checkRecordings } from './permit-recordings.ts';

/** After the last suite: every exchange of the run is held to Permit's document; a difference fails the run. */
export default function closeRecordings(): void {
  const folder = process.env.PERMIT_EXCHANGES ?? '';
  try {
    checkRecordings(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
