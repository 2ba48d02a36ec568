import type { JWTPayload } from 'jose';
import { InvalidToken, PermissionDenied } from '../errors.ts';
import type { Principal } from './principal.ts';

const TOLERANCE_SECONDS = 5;
const PRINTABLE = /^[\x21-\x7e]{1,255}$/;
const ORGANIZATION_ID = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/;
const ORGANIZATION_URN = 'urn:logto:organization:';
const MACHINE_PREFIX = 'm2m|';

export type ClaimRules = {
  audiences: readonly string[];
  organizationAudience: boolean;
  defaultTenant: string;
};

/**
 * Turns the payload of a token with a good signature, issuer and life span into a {@link Principal}, after the
 * checks that a JOSE library leaves open: `exp` finite, `iat` not ahead, subjects that are plain strings.
 *
 * @param claims Payload after signature, `typ`, `iss`, `exp` and `nbf` were verified.
 * @throws {InvalidToken} when a claim is not what Logto issues.
 * @throws {PermissionDenied} for a person whose id would stand for a machine in Permit.
 * @see https://www.rfc-editor.org/rfc/rfc9068#section-4
 *
 * @example
 * const principal = principalFromClaims(payload, { audiences, organizationAudience: false, defaultTenant: 'default' }, nowSeconds);
 */
export function principalFromClaims(
  claims: JWTPayload,
  rules: ClaimRules,
  nowSeconds: number,
): Omit<Principal, 'via'> {
  const { sub, client_id: clientId, iat, exp, scope } = claims;
  requirePrintable('sub', sub);
  requirePrintable('client_id', clientId);
  requireFinite('exp', exp);
  requireFinite('iat', iat);
  if (iat > nowSeconds + TOLERANCE_SECONDS) throw new InvalidToken('iat is ahead');
  if (scope !== undefined && typeof scope !== 'string') throw new InvalidToken('scope is no string');

  const kind = sub === clientId ? 'machine' : 'user';
  if (kind === 'user' && sub.startsWith(MACHINE_PREFIX))
    throw new PermissionDenied('user id in the name space of machines');
  const audience = audienceOf(claims.aud, rules);
  const organizationId = organizationOf(claims, audience);
  const actor = actorOf(claims.act);
  return {
    kind,
    sub,
    key: kind === 'machine' ? `${MACHINE_PREFIX}${clientId}` : sub,
    clientId,
    tenant: organizationId ?? rules.defaultTenant,
    ...(organizationId === undefined ? {} : { organizationId }),
    scopes: new Set((scope ?? '').split(' ').filter(Boolean)),
    audience,
    ...(actor === undefined ? {} : { actor }),
    issuedAt: iat,
    expiresAt: exp,
    claims,
  };
}

/** The first audience of the token that is ours. `aud` is compared whole: no prefix, no case folding. */
function audienceOf(aud: unknown, { audiences, organizationAudience }: ClaimRules): string {
  const named = Array.isArray(aud) ? aud : [aud];
  if (!named.every((one) => typeof one === 'string')) throw new InvalidToken('aud is no list of strings');
  const ours = named.find((one) => audiences.includes(one));
  if (ours !== undefined) return ours;
  const organizations = named.filter((one) => one.startsWith(ORGANIZATION_URN));
  const [organization] = organizations;
  if (!organizationAudience || organization === undefined) throw new InvalidToken('aud is somebody else');
  if (organizations.length > 1) throw new InvalidToken('aud names several organizations');
  return organization;
}

/** Kind A of Logto's organization tokens names it in the audience, kind B in the claim. */
function organizationOf(claims: JWTPayload, audience: string): string | undefined {
  const claimed = claims.organization_id;
  const named = audience.startsWith(ORGANIZATION_URN) ? audience.slice(ORGANIZATION_URN.length) : undefined;
  for (const id of [claimed, named]) {
    if (id !== undefined && (typeof id !== 'string' || !ORGANIZATION_ID.test(id))) {
      throw new InvalidToken('organization is no id');
    }
  }
  if (claimed !== undefined && named !== undefined && claimed !== named) {
    throw new InvalidToken('organization_id and aud name two organizations');
  }
  return named ?? (claimed as string | undefined);
}

/** Present but unreadable is refused: an impersonation that cannot be named must not pass as none. */
function actorOf(act: unknown): string | undefined {
  if (act === undefined) return undefined;
  const sub = typeof act === 'object' && act !== null ? (act as { sub?: unknown }).sub : undefined;
  requirePrintable('act.sub', sub);
  return sub;
}

function requirePrintable(name: string, value: unknown): asserts value is string {
  if (typeof value !== 'string' || !PRINTABLE.test(value))
    throw new InvalidToken(`${name} is no printable string`);
}

function requireFinite(name: string, value: unknown): asserts value is number {
  if (typeof value !== 'number' || !Number.isFinite(value))
    throw new InvalidToken(`${name} is no finite number`);
}
