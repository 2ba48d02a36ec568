/** What `serde_json` gives up at; everything that walks a body afterwards may recurse that far. */
const DEPTH_LIMIT = 128;

/** Whether arrays and objects are nested deeper than a body may be. A parser builds more than code can walk. */
export function isTooDeep(json: unknown): boolean {
  let layer = [json].filter(holdsMore);
  for (let depth = 1; layer.length > 0; depth += 1) {
    if (depth >= DEPTH_LIMIT) return true;
    const next: object[] = [];
    for (const holder of layer)
      for (const value of Object.values(holder)) if (holdsMore(value)) next.push(value);
    layer = next;
  }
  return false;
}

function holdsMore(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
