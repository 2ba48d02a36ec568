import { newSecret } from '../../directory/ids.ts';
import type { UserRecord } from '../../directory/records.ts';
import type { Issuer } from '../../issuer.ts';
import { narrowed } from '../granted-scopes.ts';
import { OidcError } from '../oidc-error.ts';
import { type IssuedAccessToken, issueResourceToken } from '../resource-tokens.ts';
import { ACCESS_TOKEN_TTL_SECONDS } from '../sign-tokens.ts';
import { IDENTITY_SCOPES, ORGANIZATIONS_RESOURCE, ORGANIZATIONS_SCOPE } from '../user-claims.ts';

export type UserTokenRequest = {
  user: UserRecord;
  clientId: string;
  grantId: string;
  /** Granted at the authorization. */
  scopes: readonly string[];
  /** By resource, as the grant has them; `undefined` where no authorization went before. */
  resourceScopes?: Record<string, readonly string[]>;
  /** Asked for now; `undefined` means all of them. */
  narrowTo?: readonly string[];
  resource?: string;
  organizationId?: string;
  /** Who acts for the user, in an exchanged token. */
  actor?: string;
  via: string;
};

/** An access token on behalf of a user: opaque without a resource or organization, else a JWT. */
export async function issueUserAccessToken(
  issuer: Issuer,
  request: UserTokenRequest,
): Promise<IssuedAccessToken> {
  const { user, clientId, grantId, scopes, resourceScopes, narrowTo, resource, organizationId, actor, via } =
    request;
  if (organizationId !== undefined && !scopes.includes(ORGANIZATIONS_SCOPE))
    throw new OidcError('insufficient_scope', 'refresh token missing required scope', {
      status: 403,
      scope: ORGANIZATIONS_SCOPE,
    });
  const asked = narrowTo ?? scopes;
  if (resource !== undefined || organizationId !== undefined)
    return issueResourceToken(issuer, {
      subject: user,
      clientId,
      scopes: resourceScopes
        ? narrowed(asked, resourceScopes[resource ?? ORGANIZATIONS_RESOURCE] ?? [])
        : asked,
      ...(resource === undefined ? {} : { resource }),
      ...(organizationId === undefined ? {} : { organizationId }),
      ...(actor === undefined ? {} : { actor }),
      machine: false,
      via,
    });
  return issueOpaqueToken(issuer, { user, clientId, grantId, scopes: asked, via });
}

function issueOpaqueToken(
  issuer: Issuer,
  { user, clientId, grantId, scopes, via }: Omit<UserTokenRequest, 'resource' | 'organizationId'>,
): IssuedAccessToken {
  const scope = scopes.filter((name) => IDENTITY_SCOPES.has(name)).join(' ');
  const issuedAt = Math.floor(issuer.clock.now() / 1000);
  const row = issuer.issued.accessTokens.put({
    id: newSecret(43),
    grantId,
    userId: user.id,
    clientId,
    scope,
    issuedAt,
    expiresAt: (issuedAt + ACCESS_TOKEN_TTL_SECONDS) * 1000,
  });
  issuer.issuedLog.add({ kind: 'opaque', via, subject: user.id, clientId, scope });
  return { token: row.id, scope, ttlSeconds: ACCESS_TOKEN_TTL_SECONDS };
}
