import type { ApplicationRecord, ResourceRecord, UserRecord } from '../directory/records.ts';
import type { Issuer } from '../issuer.ts';
import { grantedOrganizationScopes, grantedResourceScopes, narrowed } from './granted-scopes.ts';
import { invalidTarget, OidcError } from './oidc-error.ts';
import { ACCESS_TOKEN_TTL_SECONDS, signAccessToken } from './sign-tokens.ts';

type Subject = UserRecord | ApplicationRecord;

export type TokenRequest = {
  subject: Subject;
  clientId: string;
  /** Asked for; what is not held is left out silently. */
  scopes: readonly string[];
  resource?: string;
  organizationId?: string;
  actor?: string;
  /** A machine names its scopes, or has none at all. */
  machine: boolean;
  via: string;
};

export type IssuedAccessToken = { token: string; scope: string; ttlSeconds: number };

export const organizationAudience = (id: string) => `urn:logto:organization:${id}`;

export function requireResource({ directory }: Issuer, indicator: string): ResourceRecord {
  const resource = directory.resources.find((row) => row.indicator === indicator);
  if (!resource) throw invalidTarget();
  return resource;
}

/** @throws OidcError 403 when the subject is not in the organization, or lacks what it demands. */
export function requireMembership(
  { directory }: Issuer,
  subject: Subject,
  id: string,
  machine: boolean,
): void {
  const organization = directory.organizations.get(id);
  if (!organization || subject.organizations[id] === undefined)
    throw new OidcError(
      'access_denied',
      machine ? 'app has not associated with the organization' : 'user is not a member of the organization',
      { status: 403 },
    );
  if (!machine && organization.isMfaRequired)
    throw new OidcError('access_denied', 'organization requires MFA but user has no MFA configured', {
      status: 403,
    });
}

/** The token for an API resource, for an organization, or for an API resource within an organization. */
export async function issueResourceToken(issuer: Issuer, request: TokenRequest): Promise<IssuedAccessToken> {
  const { subject, resource: indicator, organizationId, machine } = request;
  if (organizationId !== undefined) requireMembership(issuer, subject, organizationId, machine);
  const resource = indicator === undefined ? undefined : requireResource(issuer, indicator);
  const audience = indicator ?? organizationAudience(organizationId ?? '');

  const held = resource
    ? grantedResourceScopes(issuer.directory, subject, resource.id, {
        ...(organizationId === undefined ? {} : { organizationId }),
        machine,
      })
    : grantedOrganizationScopes(issuer.directory, subject, organizationId ?? '');
  const scope = (resource ? narrowed(request.scopes, held) : narrowed(held, request.scopes)).join(' ');
  const ttlSeconds = resource?.accessTokenTtl ?? ACCESS_TOKEN_TTL_SECONDS;

  const token = await signAccessToken(issuer, {
    sub: subject.id,
    clientId: request.clientId,
    audience,
    scope: scopeClaim(issuer, scope, machine && resource !== undefined),
    ttlSeconds,
    ...(resource && organizationId !== undefined ? { organizationId } : {}),
    ...(request.actor === undefined ? {} : { actor: request.actor }),
  });
  issuer.issuedLog.add({
    kind: 'access',
    via: request.via,
    subject: subject.id,
    clientId: request.clientId,
    audience,
    scope,
    ...(organizationId === undefined ? {} : { organizationId }),
    expiresAt: new Date(issuer.clock.now() + ttlSeconds * 1000).toISOString(),
  });
  return { token, scope, ttlSeconds };
}

/** Nothing granted: absent for a machine at a resource, else `""` up to 1.41 and absent since 1.42. */
export function scopeClaim(
  { version }: Issuer,
  scope: string,
  machineAtResource: boolean,
): string | undefined {
  if (scope !== '') return scope;
  return machineAtResource || version === '1.42' ? undefined : '';
}
