import type { Request, Response } from 'express';

export function cookieOf(req: Request, name: string): string | undefined {
  for (const part of (req.headers.cookie ?? '').split(';')) {
    const equals = part.indexOf('=');
    if (part.slice(0, equals).trim() === name) return part.slice(equals + 1).trim() || undefined;
  }
  return undefined;
}

/** HttpOnly, Lax, for the whole origin; `expiresAt` in milliseconds, in the past to remove it. */
export function setCookie(res: Response, name: string, value: string, expiresAt: number): void {
  const expires = new Date(expiresAt).toUTCString();
  res.append('Set-Cookie', `${name}=${value}; path=/; expires=${expires}; samesite=lax; httponly`);
}

export function dropCookie(res: Response, name: string): void {
  setCookie(res, name, '', 0);
}
