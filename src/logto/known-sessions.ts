import type { Request } from 'express';
import { LRUCache } from 'lru-cache';
import { cookiesOf } from './session-cookie.ts';
import { hashOf } from './session-rows.ts';

const MOST = 10_000;

/**
 * Whose cookie this is, as far as this process has seen it at work: a look into memory for a rate limit, ahead of
 * any question to the database. It lets nobody in.
 */
export function createKnownSessions(cookieName: string) {
  const callers = new LRUCache<string, string>({ max: MOST });
  const cookieOf = (req: Request) => cookiesOf(req).find(([name]) => name === cookieName)?.[1];

  return {
    callerOf(req: Request): string | undefined {
      const cookie = cookieOf(req);
      return cookie === undefined ? undefined : callers.get(hashOf(cookie));
    },
    /** `undefined`: nobody's any more. */
    learn(req: Request, callerKey: string | undefined): void {
      const row = hashOf(cookieOf(req) ?? '');
      if (callerKey === undefined) callers.delete(row);
      else callers.set(row, callerKey);
    },
  };
}
