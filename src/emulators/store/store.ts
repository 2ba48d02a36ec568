import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type EntryFile, openEntryFile } from './entry-file.ts';
import { createMemoryEntries } from './memory-entries.ts';

/** Collections of JSON values by key, in the order in which they were first put. */
export type Store = {
  /** The value as it was put, deeply frozen: copy it to change it (`{ ...value }`). */
  get<Value>(collection: string, key: string): Value | undefined;
  put(collection: string, key: string, value: unknown): void;
  /** `true` when there was such an entry. */
  delete(collection: string, key: string): boolean;
  all<Value>(collection: string): [key: string, value: Value][];
  count(collection: string): number;
  collections(): string[];
  /** Empties one collection, or all of them. */
  clear(collection?: string): void;
  /** A crash inside `work` leaves none of its writes behind; what it throws passes through, its writes stay. */
  batch<T>(work: () => T): T;
  close(): void;
};

/**
 * State of an emulator: in memory, and with `dir` also in a SQLite file there. A write survives `kill -9` of
 * the process once it has returned; the file is locked, so a second process is refused.
 *
 * @throws Error when another process has the file open, or the folder cannot be written.
 *
 * @example
 * const store = openStore({ dir: '.data/emulators', file: 'logto.sqlite' });
 * store.put('users', user.id, user);
 */
export function openStore({ dir, file }: { dir?: string; file: string }): Store {
  const disk = dir === undefined ? undefined : openFolder(dir, file);
  const entries = createMemoryEntries(disk?.load());

  return {
    get: (collection, key) => entries.get(collection, key) as never,
    put(collection, key, value) {
      const json = JSON.stringify(value);
      if (json === undefined) throw new TypeError(`${collection}/${key}: not a JSON value`);
      disk?.put(collection, key, json);
      entries.put(collection, key, JSON.parse(json));
    },
    delete(collection, key) {
      disk?.delete(collection, key);
      return entries.delete(collection, key);
    },
    all: (collection) => entries.all(collection) as never,
    count: entries.count,
    collections: entries.collections,
    clear(collection) {
      disk?.clear(collection);
      entries.clear(collection);
    },
    batch(work) {
      return disk ? disk.batch(work) : work();
    },
    close() {
      disk?.close();
    },
  };
}

function openFolder(dir: string, file: string): EntryFile {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  return openEntryFile(join(dir, file));
}
