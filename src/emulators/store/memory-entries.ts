export type Entry = { collection: string; key: string; value: unknown };

/** The part of a store that answers reads: values are shared and frozen, so reading costs nothing. */
export function createMemoryEntries(initial: Iterable<Entry> = []) {
  const byCollection = new Map<string, Map<string, unknown>>();

  function collectionOf(name: string): Map<string, unknown> {
    let collection = byCollection.get(name);
    if (!collection) {
      collection = new Map();
      byCollection.set(name, collection);
    }
    return collection;
  }

  for (const { collection, key, value } of initial) collectionOf(collection).set(key, deepFreeze(value));

  return {
    get: (collection: string, key: string): unknown => byCollection.get(collection)?.get(key),
    put(collection: string, key: string, value: unknown): void {
      collectionOf(collection).set(key, deepFreeze(value));
    },
    delete: (collection: string, key: string): boolean => byCollection.get(collection)?.delete(key) ?? false,
    all: (collection: string): [string, unknown][] => [...(byCollection.get(collection) ?? [])],
    count: (collection: string): number => byCollection.get(collection)?.size ?? 0,
    collections: (): string[] => [...byCollection.keys()].filter((name) => collectionOf(name).size > 0),
    clear(collection?: string): void {
      if (collection === undefined) byCollection.clear();
      else byCollection.delete(collection);
    },
  };
}

function deepFreeze(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  for (const member of Object.values(value)) deepFreeze(member);
  return Object.freeze(value);
}
