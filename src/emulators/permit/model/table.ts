import type { Journal } from './journal.ts';

export type Keyed = { readonly key: string; readonly id: string };
export type Table<Row extends Keyed> = ReturnType<typeof createTable<Row>>;

/** Rows by what `of` reads, in insertion order; a set only where there are several, since most have one. */
type Index<Row> = { of: (row: Row) => string | undefined; rows: Map<string, Row | Set<Row>> };

/** Rows by key and by id, in the order in which they were made; written through to the journal. */
export function createTable<Row extends Keyed>(
  journal: Journal,
  name: string,
  indexes: Readonly<Record<string, (row: Row) => string | undefined>> = {},
  /** Rows that nobody asks for by id need no index of ids. */
  { byId = true }: { byId?: boolean } = {},
) {
  const rows = new Map<string, Row>();
  const ids = new Map<string, Row>();
  const secondary = new Map<string, Index<Row>>(
    Object.entries(indexes).map(([index, of]) => [index, { of, rows: new Map() }]),
  );

  function link(row: Row): void {
    rows.set(row.key, row);
    if (byId) ids.set(row.id, row);
    for (const index of secondary.values()) {
      const value = index.of(row);
      if (value === undefined) continue;
      const known = index.rows.get(value);
      if (known instanceof Set) known.add(row);
      else index.rows.set(value, known === undefined ? row : new Set([known, row]));
    }
  }

  function unlink(row: Row): void {
    ids.delete(row.id);
    for (const index of secondary.values()) {
      const value = index.of(row);
      if (value === undefined) continue;
      const known = index.rows.get(value);
      if (known === row || (known instanceof Set && known.delete(row) && known.size === 0)) {
        index.rows.delete(value);
      }
    }
  }

  return {
    /** By key, else by id. */
    find: (keyOrId: string): Row | undefined => rows.get(keyOrId) ?? ids.get(keyOrId),
    get: (key: string): Row | undefined => rows.get(key),
    has: (key: string): boolean => rows.has(key),
    values: (): IterableIterator<Row> => rows.values(),
    size: (): number => rows.size,
    by(index: string, value: string): ReadonlySet<Row> {
      const known = secondary.get(index)?.rows.get(value);
      if (known instanceof Set) return known as ReadonlySet<Row>;
      return new Set(known === undefined ? [] : [known as Row]);
    },
    put(row: Row): Row {
      const before = rows.get(row.key);
      if (before) unlink(before);
      link(row);
      journal.put(name, row.key, row);
      return row;
    },
    delete(key: string): Row | undefined {
      const row = rows.get(key);
      if (!row) return undefined;
      unlink(row);
      rows.delete(key);
      journal.delete(name, key);
      return row;
    },
    clear(): void {
      rows.clear();
      ids.clear();
      for (const index of secondary.values()) index.rows.clear();
      journal.clear(name);
    },
    /** Reads back what the journal has; nothing is written. */
    restore(): void {
      for (const row of journal.all<Row>(name)) link(row);
    },
  };
}
