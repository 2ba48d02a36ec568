import { errors, type JWTPayload, jwtVerify } from 'jose';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { Clock } from '../clock.ts';
import { InvalidToken, UpstreamUnavailable } from '../errors.ts';
import { principalFromClaims } from './access-token-claims.ts';
import { parseCompactToken } from './compact-token.ts';
import { createEndOfTurn } from './end-of-turn.ts';
import { createKeySet, type KeySet } from './key-set.ts';
import { createKeySetSource } from './key-set-source.ts';
import type { Principal } from './principal.ts';
import type { Revocations } from './revocations.ts';
import { createTokenCache, digestOf } from './token-cache.ts';
import type { VerificationKey } from './verification-key.ts';
import { createVerifierMetrics } from './verifier-metrics.ts';
import { requireUsableOptions, SUPPORTED_ALGORITHMS } from './verifier-options.ts';

const TOLERANCE_SECONDS = 5;
const FETCH_TIMEOUT_MS = 1_500;

export type VerifierOptions = {
  /** Exact matches; discovery is asked at the first one. */
  issuers: readonly string[];
  /** API resource indicators, exact. */
  audiences: readonly string[];
  /** Default: all that Logto signs with. */
  algorithms?: readonly string[];
  /** Skips discovery. */
  jwksUri?: string;
  /** Accepts tokens whose audience is `urn:logto:organization:<id>`; those are not bound to this API. */
  organizationAudience?: boolean;
  /** Tenant of a token that names no organization. */
  defaultTenant: string;
  /** Default 30 s; 0 switches the token cache off. */
  tokenCacheTtlMs?: number;
  revocations?: Pick<Revocations, 'check' | 'onRevoked'>;
  /** Plain http is spoken to these hosts besides loopback. */
  insecureHosts?: readonly string[];
  clock: Clock;
  log: Logger;
  metrics?: Registry;
};

export type Verifier = {
  /**
   * @throws {InvalidToken} whatever is wrong with the token; the reason is for the log.
   * @throws {UpstreamUnavailable} when keys or revocations cannot be known.
   */
  verify(token: string, options?: { via?: Principal['via'] }): Promise<Principal>;
  /** The issuer's keys, which sign its other tokens too (ID tokens, logout tokens). */
  keySet: Pick<KeySet, 'candidatesFor'>;
  /** Key of the caller whose very token was good before and has not expired; cheap, and no substitute for `verify`. */
  recognizes(token: string): string | undefined;
  /** Fetches the key set ahead of the first request; never throws. */
  warm(): Promise<void>;
  /** For readiness. */
  keySetState(): 'ok' | 'degraded' | 'down';
  /** Stops listening to revocations. */
  close(): void;
};

/**
 * Verifies Logto access tokens: grammar, header, signature, type, issuer, audience, life span, subject,
 * revocation, in this order, so that the cheap checks come first.
 *
 * @throws {ConfigurationError} when an option cannot be used.
 * @see https://www.rfc-editor.org/rfc/rfc9068
 * @see https://www.rfc-editor.org/rfc/rfc8725
 *
 * @example
 * const verifier = createVerifier({
 *   issuers: ['https://tenant.logto.app/oidc'], audiences: ['https://api.example'], defaultTenant: 'default', clock, log,
 * });
 * const { sub, tenant } = await verifier.verify(token);
 */
export function createVerifier(options: VerifierOptions): Verifier {
  requireUsableOptions(options);
  const { issuers, audiences, defaultTenant, clock, log, revocations, insecureHosts = [] } = options;
  const algorithms = options.algorithms ?? SUPPORTED_ALGORITHMS;
  const rules = { audiences, defaultTenant, organizationAudience: options.organizationAudience === true };
  const cache = createTokenCache({ ttlMs: options.tokenCacheTtlMs ?? 30_000, clock });
  const endOfTurn = createEndOfTurn();
  const claimRules = {
    typ: 'at+jwt',
    issuer: [...issuers],
    requiredClaims: ['iss', 'aud', 'sub', 'client_id', 'exp', 'iat'],
    clockTolerance: TOLERANCE_SECONDS,
  };
  const keySet = createKeySet({
    fetchKeys: createKeySetSource({
      issuers,
      insecureHosts,
      timeoutMs: FETCH_TIMEOUT_MS,
      ...(options.jwksUri ? { jwksUri: options.jwksUri } : {}),
    }),
    clock,
    onChange: cache.clear,
    onFetch(failure) {
      metrics.fetch(failure?.logCode ?? 'ok');
      if (failure) log.warn({ err: failure, code: failure.logCode }, 'key set cannot be fetched');
    },
  });
  const metrics = createVerifierMetrics(options.metrics, keySet.state);
  const forget = revocations?.onRevoked(cache.dropSubject);

  async function principalOfToken(token: string): Promise<Omit<Principal, 'via'>> {
    const header = parseCompactToken(token);
    if (!algorithms.includes(header.alg)) throw new InvalidToken('alg is not allowed');
    const claims = await claimsSignedByOneOf(await keySet.candidatesFor(header), token);
    const principal = principalFromClaims(claims, rules, Math.floor(clock.now() / 1_000));
    freezeDeep(claims);
    return principal;
  }

  /** Several keys may share a `kid`: a signature that the first did not make may be another's. */
  async function claimsSignedByOneOf(
    [key, ...others]: readonly VerificationKey[],
    token: string,
  ): Promise<JWTPayload> {
    try {
      return await claimsSignedBy(key as VerificationKey, token);
    } catch (error) {
      const mayBeAnothers = error instanceof errors.JWSSignatureVerificationFailed && others.length > 0;
      if (!mayBeAnothers) throw refusalOf(error);
      return claimsSignedByOneOf(others, token);
    }
  }

  async function claimsSignedBy({ key, alg }: VerificationKey, token: string): Promise<JWTPayload> {
    const currentDate = new Date(clock.now());
    return (await jwtVerify(token, key, { ...claimRules, algorithms: [alg], currentDate })).payload;
  }

  return {
    async verify(token, { via = 'bearer' } = {}) {
      try {
        const digest = digestOf(token);
        const known = cache.get(digest);
        // What this turn of the event loop has read goes on together; who is unknown has to wait anyway.
        if (known) await endOfTurn();
        const principal = known ?? (await principalOfToken(token));
        // From here on nothing waits: a subject revoked meanwhile is seen, and never cached.
        revocations?.check(principal);
        if (!known) cache.put(digest, principal);
        metrics.token(known ? 'cached' : 'verified');
        return { ...principal, scopes: new Set(principal.scopes), via };
      } catch (error) {
        metrics.token(error instanceof UpstreamUnavailable ? 'unavailable' : 'refused');
        throw error;
      }
    },
    keySet,
    recognizes: (token) => cache.callerOf(digestOf(token)),
    warm: keySet.warm,
    keySetState: keySet.state,
    close: () => forget?.(),
  };
}

/** jose's errors carry the whole payload: only their name and words travel on. */
function refusalOf(error: unknown): InvalidToken {
  if (error instanceof errors.JWTExpired)
    return new InvalidToken('token has expired', { description: 'expired' });
  const { name, message } = error as Error;
  return new InvalidToken(`${name}: ${message}`);
}

/** The claims are shared by all requests with this token: no handler may change what the next one sees. */
function freezeDeep(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  Object.freeze(value);
  for (const member of Object.values(value)) freezeDeep(member);
}
