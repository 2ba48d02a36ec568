import { createHash, randomBytes } from 'node:crypto';
import type { Clock } from '../../control/emulator-clock.ts';

export type Ids = { next(): string };

/** Ids as Permit prints them: UUIDs of version 4 as 32 hexadecimal digits without dashes. */
export function createIds(): Ids {
  let pool = Buffer.alloc(0);
  let at = 0;
  return {
    next() {
      if (at >= pool.length) {
        pool = randomBytes(16 * 1024);
        at = 0;
      }
      const hex = pool.toString('hex', at, at + 16);
      at += 16;
      return versioned(hex);
    },
  };
}

/** The same id on every start, for what belongs to the emulator itself. */
export function fixedId(name: string): string {
  return versioned(createHash('sha256').update(`permit emulator: ${name}`).digest('hex').slice(0, 32));
}

function versioned(hex: string): string {
  return `${hex.slice(0, 12)}4${hex.slice(13, 16)}a${hex.slice(17)}`;
}

/** Dates as Permit prints them: `2023-07-31T08:16:03+00:00`. */
export function createStamp(clock: Clock): () => string {
  let second = Number.NaN;
  let text = '';
  return () => {
    const now = Math.floor(clock.now() / 1000);
    // One string for all rows of a second: a bulk load makes a million of them.
    if (now !== second) {
      second = now;
      text = `${new Date(now * 1000).toISOString().slice(0, 19)}+00:00`;
    }
    return text;
  };
}
