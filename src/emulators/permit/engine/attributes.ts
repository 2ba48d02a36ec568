/** JSON attributes of a user, tenant, role or resource instance. */
export type Attributes = Readonly<Record<string, unknown>>;

export const noAttributes: Attributes = Object.freeze({});

export function isObject(value: unknown): value is Attributes {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Recursive union of objects; the right side wins wherever both are not objects. */
export function mergeAttributes(...layers: readonly (Attributes | undefined)[]): Attributes {
  let merged: Attributes = noAttributes;
  for (const layer of layers) if (layer && Object.keys(layer).length > 0) merged = union(merged, layer);
  return merged;
}

function union(left: Attributes, right: Attributes): Attributes {
  const entries = new Map(Object.entries(left));
  for (const [name, value] of Object.entries(right)) {
    const before = entries.get(name);
    entries.set(name, isObject(before) && isObject(value) ? union(before, value) : value);
  }
  // `fromEntries` defines own members: an attribute called `__proto__` stays an attribute.
  return Object.fromEntries(entries);
}

/** The value at a dotted path, `undefined` when any step is missing. */
export function valueAt(root: unknown, path: readonly string[]): unknown {
  let value = root;
  for (const step of path) {
    if (!isObject(value) || !Object.hasOwn(value, step)) return undefined;
    value = value[step];
  }
  return value;
}

/** Equality of JSON values. */
export function sameJson(left: unknown, right: unknown): boolean {
  if (left === right) return true;
  if (Array.isArray(left)) {
    return (
      Array.isArray(right) &&
      left.length === right.length &&
      left.every((item, i) => sameJson(item, right[i]))
    );
  }
  if (!isObject(left) || !isObject(right)) return false;
  const names = Object.keys(left);
  return (
    names.length === Object.keys(right).length &&
    names.every((name) => Object.hasOwn(right, name) && sameJson(left[name], right[name]))
  );
}
