import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '../clock.ts';
import { systemClock } from '../clock.ts';
import { ConfigurationError } from '../errors.ts';

/** Who holds a data folder, as its side file tells; the lock itself is the kernel's. */
export type Holder = { pid: number; since: string; host: string };

/** A second process (or a second database of this process) wants a data folder that is in use. */
export class DatabaseInUse extends Error {
  readonly holder: Holder | undefined;
  constructor(dataDir: string, holder: Holder | undefined, options?: ErrorOptions) {
    const who = holder
      ? `process ${holder.pid} on ${holder.host}, since ${holder.since}`
      : 'another process that left no name';
    super(
      `The data folder ${dataDir} is in use by ${who}. ` +
        'Two processes on one embedded database would destroy it. Stop the other one, or set DATA_DIR to a ' +
        'folder of its own, or set DATABASE_URL to a Postgres, which many processes can share.',
      options,
    );
    this.name = 'DatabaseInUse';
    this.holder = holder;
  }
}

/** The holder that the side file names; it may be of the past when nobody holds the lock. */
export function holderOf(dataDir: string): Holder | undefined {
  try {
    return JSON.parse(readFileSync(join(dataDir, 'database.holder.json'), 'utf8')) as Holder;
  } catch {
    return undefined;
  }
}

/** SQLITE_BUSY and SQLITE_LOCKED: somebody else has it. */
const HELD = new Set([5, 6]);

function isHeld(error: unknown): boolean {
  const { errcode } = error as { errcode?: number };
  // The low byte is the code; what stands above it tells more of it.
  return errcode !== undefined && HELD.has(errcode & 0xff);
}

function unusable(file: string, error: unknown): ConfigurationError {
  const { errstr, message } = error as Error & { errstr?: string };
  return new ConfigurationError([
    `${file}, the lock of the data folder, cannot be used (${errstr ?? message}): this process has to be able to ` +
      'read and write it, on a disk with room and with locks of its own. It holds no data: while no process uses ' +
      'the folder it may be deleted. Or set DATA_DIR to another folder. Example: DATA_DIR=.data',
  ]);
}

function openLock(file: string): DatabaseSync {
  try {
    return new DatabaseSync(file);
  } catch (error) {
    throw unusable(file, error);
  }
}

/** A connection that nobody reaches is collected, and its lock goes with it: the locks of this process stand here. */
const heldLocks = new Set<DatabaseSync>();

/**
 * Takes the folder for this process. The lock is `BEGIN EXCLUSIVE` on an SQLite file, which is a lock of the
 * kernel: it ends with the process however that ends, and nobody can take it from a living holder. (A file with
 * a process id could do neither: two containers are both process 1.)
 *
 * @param options.waitMs how long to wait for a holder that is just going away; default 3 seconds.
 * @returns the function that gives the folder back.
 * @throws DatabaseInUse naming the holder; ConfigurationError when the file cannot be locked at all.
 */
export async function lockDataDir(
  dataDir: string,
  options: { waitMs?: number; clock?: Clock } = {},
): Promise<() => void> {
  const clock = options.clock ?? systemClock;
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const sideFile = join(dataDir, 'database.holder.json');
  const file = join(dataDir, 'database.lock');
  const lock = openLock(file);
  const giveUpAt = performance.now() + (options.waitMs ?? 3_000);
  for (;;) {
    try {
      lock.exec('PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE');
      break;
    } catch (cause) {
      const held = isHeld(cause);
      if (!held || performance.now() >= giveUpAt) {
        lock.close();
        throw held ? new DatabaseInUse(dataDir, holderOf(dataDir), { cause }) : unusable(file, cause);
      }
      await delay(50);
    }
  }
  const holder: Holder = { pid: process.pid, since: new Date(clock.now()).toISOString(), host: hostname() };
  writeFileSync(sideFile, `${JSON.stringify(holder)}\n`, { mode: 0o600 });
  heldLocks.add(lock);

  let held = true;
  return () => {
    if (!held) return;
    held = false;
    rmSync(sideFile, { force: true });
    heldLocks.delete(lock);
    lock.close();
  };
}
