import type { UserRecord } from '../directory/records.ts';
import type { Issuer } from '../issuer.ts';
import type { AuthorizationRequest, SessionRecord } from './issued-state.ts';
import { OidcError } from './oidc-error.ts';
import { IDENTITY_SCOPES } from './user-claims.ts';
import { verifyIdTokenHint } from './verify-own-token.ts';

/** Whether the person at the browser has to sign in, although the browser has a session. */
export function mustSignInAgain(
  { clock }: Issuer,
  { prompts, maxAgeSeconds, hintedUserId }: AuthorizationRequest,
  session: SessionRecord,
  user: UserRecord,
): boolean {
  const ageSeconds = Math.floor((clock.now() - session.createdAt) / 1000);
  return (
    user.isSuspended ||
    prompts.some((prompt) => prompt === 'login' || prompt === 'select_account') ||
    maxAgeSeconds === 0 ||
    (maxAgeSeconds !== undefined && ageSeconds > maxAgeSeconds) ||
    (hintedUserId !== undefined && hintedUserId !== user.id)
  );
}

/**
 * Whom the application expects to be signed in.
 *
 * @throws OidcError `invalid_request` for a hint that this issuer did not sign.
 */
export async function hintedUserIdOf(issuer: Issuer, hint: string | undefined): Promise<string | undefined> {
  if (hint === undefined) return undefined;
  const claims = await verifyIdTokenHint(issuer, hint);
  if (claims?.sub === undefined) throw new OidcError('invalid_request', 'could not validate id_token_hint');
  return claims.sub;
}

/** What a consent is about: scopes of the person, and those of each resource. */
export function consentedTo(
  scopes: readonly string[],
  resourceScopes: Record<string, readonly string[]>,
): string[] {
  const ofResources = Object.entries(resourceScopes).flatMap(([indicator, names]) =>
    names.map((name) => `${indicator} ${name}`),
  );
  return [...scopes.filter((scope) => IDENTITY_SCOPES.has(scope)), ...ofResources];
}

/** Consent is given without a question, but not behind the person's back: `prompt=none` needs an earlier one. */
export function lacksConsent(session: SessionRecord, clientId: string, asked: readonly string[]): boolean {
  const given = session.consents?.[clientId];
  return !given || asked.some((item) => !given.includes(item));
}
