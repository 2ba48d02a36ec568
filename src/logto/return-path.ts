const LONGEST = 1_000;
// A backslash is a slash to browsers, and control characters vanish from an URL before it is followed.
const PATH = /^\/(?![/\\])[\x21-\x5b\x5d-\x7e]*$/;

/**
 * Where to go after signing in: `value` when it is a path of our own, else `/`. Anything that a browser could
 * take for another origin (`//host`, `/\host`, `scheme:`, control characters) is `/`, and so are the sign-in
 * routes themselves.
 *
 * @param value `?returnTo=` as it came.
 * @param baseUrl origin of the application.
 */
export function returnPathOf(value: unknown, baseUrl: string): string {
  if (typeof value !== 'string' || value.length > LONGEST || !PATH.test(value)) return '/';
  const url = new URL(value, baseUrl);
  // Dots are resolved by now: `/.//host` has become a path that starts with two slashes.
  if (url.pathname.startsWith('//') || url.pathname.startsWith('/logto/')) return '/';
  return `${url.pathname}${url.search}${url.hash}`;
}
