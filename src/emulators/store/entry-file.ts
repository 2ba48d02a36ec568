import { chmodSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import type { Entry } from './memory-entries.ts';

export type EntryFile = ReturnType<typeof openEntryFile>;

/** The part of a store that survives the process. */
export function openEntryFile(path: string) {
  const database = new DatabaseSync(path);
  try {
    // Exclusive: a second process would serve stale state from its own memory.
    database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL');
    database.exec(
      'CREATE TABLE IF NOT EXISTS entry (seq INTEGER PRIMARY KEY, collection TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, UNIQUE (collection, key))',
    );
    // The lock is taken by the first write, which must not wait for the first user.
    database.exec('BEGIN IMMEDIATE; COMMIT');
    chmodSync(path, 0o600);
  } catch (cause) {
    database.close();
    throw new Error(`${path} is in use by another process, or cannot be written`, { cause });
  }

  const upsert = database.prepare(
    'INSERT INTO entry (collection, key, value) VALUES (?, ?, ?) ON CONFLICT (collection, key) DO UPDATE SET value = excluded.value',
  );
  const remove = database.prepare('DELETE FROM entry WHERE collection = ? AND key = ?');
  const removeCollection = database.prepare('DELETE FROM entry WHERE collection = ?');
  let depth = 0;

  return {
    *load(): Generator<Entry> {
      const rows = database.prepare('SELECT collection, key, value FROM entry ORDER BY seq').all();
      for (const row of rows)
        yield {
          collection: String(row.collection),
          key: String(row.key),
          value: JSON.parse(String(row.value)),
        };
    },
    put(collection: string, key: string, json: string): void {
      upsert.run(collection, key, json);
    },
    delete(collection: string, key: string): void {
      remove.run(collection, key);
    },
    clear(collection?: string): void {
      if (collection === undefined) database.exec('DELETE FROM entry');
      else removeCollection.run(collection);
    },
    /** Memory is not rolled back when `work` throws, so neither is the file: both keep what was written. */
    batch<T>(work: () => T): T {
      if (depth > 0) return work();
      depth += 1;
      database.exec('BEGIN');
      try {
        return work();
      } finally {
        depth -= 1;
        database.exec('COMMIT');
      }
    },
    close(): void {
      if (database.isOpen) database.close();
    },
  };
}
