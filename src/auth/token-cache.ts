import { hash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Clock } from '../clock.ts';
import type { Principal } from './principal.ts';

const ENTRY_LIMIT = 10_000;

type Entry = { principal: Omit<Principal, 'via'>; fromMs: number; untilMs: number };

/** SHA-256 of the whole token. */
export type TokenDigest = string & { readonly kind: 'token digest' };

export type TokenCache = {
  get(digest: TokenDigest): Omit<Principal, 'via'> | undefined;
  /** The caller's key when this token was good once and has not expired since, whatever the TTL says. */
  callerOf(digest: TokenDigest): string | undefined;
  put(digest: TokenDigest, principal: Omit<Principal, 'via'>): void;
  dropSubject(sub: string): void;
  clear(): void;
};

/**
 * Verified tokens: one P-384 verification costs about a millisecond, a look-up here two microseconds.
 *
 * Keyed by the SHA-256 of the whole token, so that a dump of the process holds no credentials and two tokens
 * with one payload never meet; at most 10,000; never past the token's own `exp`.
 *
 * @param options.ttlMs 0: `get` finds nothing, every token is verified afresh.
 */
export function createTokenCache({ ttlMs, clock }: { ttlMs: number; clock: Clock }): TokenCache {
  const entries = new LRUCache<TokenDigest, Entry>({ max: ENTRY_LIMIT });

  return {
    get(digest) {
      const entry = entries.get(digest);
      const nowMs = clock.now();
      // A clock that was set back makes the entry unusable, not immortal.
      return entry && entry.fromMs <= nowMs && nowMs < entry.untilMs ? entry.principal : undefined;
    },
    callerOf(digest) {
      const entry = entries.peek(digest);
      return entry && clock.now() < entry.principal.expiresAt * 1_000 ? entry.principal.key : undefined;
    },
    put(digest, principal) {
      const fromMs = clock.now();
      const untilMs = Math.min(fromMs + ttlMs, principal.expiresAt * 1_000);
      entries.set(digest, { principal, fromMs, untilMs });
    },
    dropSubject(sub) {
      for (const [digest, { principal }] of entries.entries()) {
        if (principal.sub === sub || principal.actor === sub) entries.delete(digest);
      }
    },
    clear: () => entries.clear(),
  };
}

/** What a token is known by here; taken once a request, for it is half of what a look-up costs. */
export function digestOf(token: string): TokenDigest {
  return hash('sha256', token, 'base64') as TokenDigest;
}
