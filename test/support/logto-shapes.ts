/** Members whose text is part of the contract, not just its format. */
const EXACT = new Set([
  'code',
  'error',
  'error_description',
  'error_uri',
  'event',
  'interactionEvent',
  'alg',
  'typ',
  'use',
  'kty',
  'crv',
  'token_type',
  'message',
  'details',
  'matchedRoute',
  'method',
  'type',
  'status',
  'tenantId',
  'active',
]);
/** Open objects: their members are the user's business. */
const OPEN = new Set(['customData', 'custom_data', 'headers', 'environmentVariables']);

/** Where `actual` is not of the recorded shape: missing and added members, other types, other formats. */
export function shapeDifferences(recorded: unknown, actual: unknown, path = ''): string[] {
  const [expected, found] = [kindOf(recorded), kindOf(actual)];
  const name = path.split('.').at(-1) ?? '';
  if (expected !== found) return [`${path || 'body'}: ${found} instead of ${expected}`];
  if (Array.isArray(recorded) && Array.isArray(actual)) {
    if (recorded.length > 0 && actual.length === 0) return [`${path || 'body'}: empty`];
    return unique(recorded.slice(0, actual.length).flatMap((item) => closest(item, actual, `${path}[]`)));
  }
  if (isObject(recorded) && isObject(actual)) {
    if (OPEN.has(name)) return [];
    const at = (key: string) => (path === '' ? key : `${path}.${key}`);
    const missing = Object.keys(recorded).filter((key) => !(key in actual));
    const added = Object.keys(actual).filter((key) => !(key in recorded));
    return unique([
      ...missing.map((key) => `${at(key)}: missing`),
      ...added.map((key) => `${at(key)}: added`),
      ...Object.keys(recorded)
        .filter((key) => key in actual)
        .flatMap((key) => shapeDifferences(recorded[key], actual[key], at(key))),
    ]);
  }
  if (EXACT.has(name) && recorded !== actual)
    return [`${path}: ${JSON.stringify(actual)} instead of ${JSON.stringify(recorded)}`];
  return [];
}

/** Lists are in an order of ids that differ here: an item is held to the one that resembles it most. */
function closest(recorded: unknown, actual: unknown[], path: string): string[] {
  let best: string[] | undefined;
  for (const item of actual) {
    const found = shapeDifferences(recorded, item, path);
    if (found.length === 0) return found;
    if (!best || found.length < best.length) best = found;
  }
  return best ?? [];
}

/** Transport and caching of the recording's HTTP stack; they say nothing about the vendor. */
const NOT_COMPARED = new Set([
  'connection',
  'content-encoding',
  'content-length',
  'date',
  'etag',
  'keep-alive',
  'transfer-encoding',
  'vary',
]);

export function headerDifferences(recorded: Record<string, string> = {}, actual: Headers): string[] {
  return Object.entries(recorded).flatMap(([name, value]) => {
    if (NOT_COMPARED.has(name)) return [];
    const found = actual.get(name);
    if (found === null) return [`header ${name}: missing`];
    if (headerForm(value) === headerForm(found)) return [];
    return [`header ${name}: ${headerForm(found)} instead of ${headerForm(value)}`];
  });
}

/** The header without what differs from server to server. */
function headerForm(value: string): string {
  return value
    .replace(/http:\/\/localhost:\d+/g, '{origin}')
    .replace(/^[\w-]{16}$/, '{id}')
    .replace(/([?&]page=)\d+/g, '$1{n}')
    .replace(/\/[a-z0-9]{12,21}(?=[/?>])/g, '/{id}')
    .replace(/^\d+$/, '{n}')
    .replace(/, <[^>]*>; rel="(next|prev)"/g, '');
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'string') return textKind(value);
  if (typeof value === 'number') return value > 1e12 ? 'milliseconds' : value > 1e9 ? 'seconds' : 'number';
  return typeof value;
}

function textKind(text: string): string {
  if (/^eyJ[\w-]+\.[\w-]+\.[\w-]*$/.test(text)) return 'JWT';
  if (/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(text)) return 'ISO time';
  if (/^[0-9a-f]{64}$/.test(text)) return 'hex of 32 bytes';
  if (/^[\w-]{43}$/.test(text)) return '43 characters';
  return 'text';
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const unique = (texts: string[]) => [...new Set(texts)];
