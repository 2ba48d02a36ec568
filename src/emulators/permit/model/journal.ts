import { openStore } from '../../store/store.ts';

/** Where rows are kept beside memory, so that they outlive the process. */
export type Journal = {
  put(collection: string, key: string, value: unknown): void;
  delete(collection: string, key: string): void;
  all<Value>(collection: string): Value[];
  /** One collection, or everything. */
  clear(collection?: string): void;
  /** All or nothing against a crash. */
  batch<T>(work: () => T): T;
  close(): void;
};

/** In memory, tables hold the only copy: a journal would double a million assignments for nothing. */
const forgetful: Journal = {
  put: () => {},
  delete: () => {},
  all: () => [],
  clear: () => {},
  batch: (work) => work(),
  close: () => {},
};

export function openJournal(dataDir: string | undefined): Journal {
  if (dataDir === undefined) return forgetful;
  const store = openStore({ dir: dataDir, file: 'permit.sqlite' });
  return {
    put: store.put,
    delete: (collection, key) => void store.delete(collection, key),
    all: <Value>(collection: string) => store.all<Value>(collection).map(([, value]) => value),
    clear: store.clear,
    batch: store.batch,
    close: store.close,
  };
}
