import type { CookieOptions, Request } from 'express';

/** How the cookies of one application look; `prefix` is `__Host-` over TLS, where browsers enforce the rest. */
export type CookieShape = { prefix: string; options: CookieOptions };

/**
 * `__Host-` cookies (Secure, no Domain, `Path=/`) when the base URL is https, plain names on http, which is for
 * loopback only. `SameSite=Lax`, for `Strict` would lose the cookie on the way back from Logto.
 */
export function cookieShapeOf(baseUrl: string): CookieShape {
  const secure = baseUrl.startsWith('https:');
  return {
    prefix: secure ? '__Host-' : '',
    options: { httpOnly: true, secure, sameSite: 'lax', path: '/' },
  };
}

/** Cookies of the request as `[name, value]`, undecoded: ours need no decoding. */
export function cookiesOf(req: Request): [name: string, value: string][] {
  return (req.headers.cookie ?? '').split(';').flatMap((pair) => {
    const equals = pair.indexOf('=');
    return equals < 1 ? [] : [[pair.slice(0, equals).trim(), pair.slice(equals + 1).trim()]];
  });
}
