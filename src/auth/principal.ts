import type { IncomingMessage } from 'node:http';
import type { JWTPayload } from 'jose';
import { InvalidRequest, Unauthenticated } from '../errors.ts';

/**
 * Who is calling, as verified by us: a bearer token and a browser session yield the same shape.
 * Nothing in it comes from anywhere but a verified Logto access token and our own configuration.
 */
export type Principal = {
  /** `machine` when the token's `sub` is its own `client_id`. */
  kind: 'user' | 'machine';
  /** Logto's subject: user id, or client id of a machine application. */
  sub: string;
  /** Key in Permit.io: the user id, or `m2m|<client id>`, which can never collide with a person. */
  key: string;
  clientId: string;
  /** The tenant every question is asked in: `organizationId`, else the default tenant. */
  tenant: string;
  organizationId?: string;
  /** Scopes may only narrow what Permit allows. */
  scopes: ReadonlySet<string>;
  /** The configured audience that the token matched. */
  audience: string;
  /** RFC 8693 `act.sub`: who really sits at the keyboard when the token is an exchanged one. */
  actor?: string;
  via: 'bearer' | 'session';
  /** Seconds since 1970, as in the token. */
  issuedAt: number;
  expiresAt: number;
  claims: Readonly<JWTPayload>;
};

// A symbol of this module's own: as hard to forge as a weak map's entry, and every request pays for it.
const caller: unique symbol = Symbol('principal');
type Identified = IncomingMessage & { [caller]?: Principal };

/**
 * The caller of this request, or `undefined` while nobody has been authenticated.
 *
 * Kept under a private symbol: no body parser, session store or other middleware can put one there.
 *
 * @example
 * const who = principalOf(req);
 * if (who?.kind === 'user') console.log(who.sub, who.tenant);
 */
export function principalOf(req: IncomingMessage): Principal | undefined {
  return (req as Identified)[caller];
}

/** For guards: the caller of this request. @throws {Unauthenticated} when nobody has been authenticated. */
export function callerOf(req: IncomingMessage): Principal {
  const principal = principalOf(req);
  if (!principal) throw new Unauthenticated();
  return principal;
}

/**
 * For authentication steps only. The step that comes later wins, as long as it speaks of the same caller.
 *
 * @throws {InvalidRequest} when another step has found somebody else: a session of one, a token of another.
 */
export function setPrincipal(req: IncomingMessage, principal: Principal): void {
  const before = principalOf(req);
  if (before && before.key !== principal.key) throw new InvalidRequest('credentials of two callers');
  (req as Identified)[caller] = principal;
}
