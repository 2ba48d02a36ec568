/** Key → strings. A lone one stands there bare: most are alone, and a set costs memory and a wait for it. */
export type StringSets = Map<string, string | Set<string>>;

const none: readonly string[] = [];

export function membersAt(sets: StringSets | undefined, key: string): Iterable<string> {
  const found = sets?.get(key);
  if (found === undefined) return none;
  return typeof found === 'string' ? [found] : found;
}

export function addTo(sets: StringSets, key: string, item: string): void {
  const found = sets.get(key);
  if (found === undefined) sets.set(key, item);
  else if (typeof found !== 'string') found.add(item);
  else if (found !== item) sets.set(key, new Set([found, item]));
}

/** The last one takes its key along. */
export function removeFrom(sets: StringSets | undefined, key: string, item: string): void {
  const found = sets?.get(key);
  if (found === item) sets?.delete(key);
  else if (typeof found === 'object' && found.delete(item) && found.size === 0) sets?.delete(key);
}
