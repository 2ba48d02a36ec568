import type { JWTPayload } from 'jose';
import { z } from 'zod';
import { ControlRefusal } from '../control/control-refusal.ts';
import { findApplication, findOrganization, findUser } from './directory/find-subject.ts';
import { MANAGEMENT_API } from './directory/plant-resources.ts';
import type { ApplicationRecord, ResourceRecord, UserRecord } from './directory/records.ts';
import type { Issuer } from './issuer.ts';
import { grantedOrganizationScopes, grantedResourceScopes } from './oidc/granted-scopes.ts';
import { organizationAudience, scopeClaim } from './oidc/resource-tokens.ts';
import { ACCESS_TOKEN_TTL_SECONDS, accessTokenClaims, sign } from './oidc/sign-tokens.ts';
import { applyTokenFault, tokenFaults } from './token-faults.ts';

/** A hundred years or so. */
const MAX_SECONDS = 3_200_000_000;

/** What `POST /_emulator/tokens` takes. */
export const mintSchema = z
  .strictObject({
    /** Id, username or e-mail address. */
    user: z.string().optional(),
    /** Id or name of a machine application. */
    machine: z.string().optional(),
    /** The first API resource when left out; `null` for an organization token without one. */
    resource: z.string().nullable().optional(),
    /** Id or name; membership is not looked at. */
    organization: z.string().optional(),
    /** Exactly these; what is granted when left out. */
    scopes: z.array(z.string()).optional(),
    /** Added to, or in place of, the claims; `null` takes one away. */
    claims: z.record(z.string(), z.unknown()).optional(),
    header: z.record(z.string(), z.unknown()).optional(),
    /** Seconds; negative for one that has expired. */
    expiresIn: z.number().min(-MAX_SECONDS).max(MAX_SECONDS).optional(),
    fault: z.enum(tokenFaults).optional(),
  })
  .refine(({ user, machine }) => (user === undefined) !== (machine === undefined), {
    message: 'name either a user or a machine',
    path: ['user'],
  });

export type MintRequest = z.input<typeof mintSchema>;
export type MintedToken = { token: string; claims: JWTPayload; expiresAt: string | null };

/**
 * Mints an access token that no sign-in has to precede: a good one as Logto would issue it, or a faulty one.
 *
 * @throws ControlRefusal 404 when there is no such user, machine or organization, 400 when the current key cannot
 *   sign with that header; ZodError on bad input.
 */
export async function mintToken(issuer: Issuer, input: MintRequest): Promise<MintedToken> {
  const request = mintSchema.parse(input);
  const { subject, clientId } = subjectOf(issuer, request.user, request.machine);
  const organization = organizationOf(issuer, request.organization);
  const audience = audienceOf(issuer, request.resource, organization);
  const bound = organization !== undefined && audience !== organizationAudience(organization);

  const resource = issuer.directory.resources.find(({ indicator }) => indicator === audience);
  const scope = (request.scopes ?? heldScopes(issuer, subject, resource, organization)).join(' ');
  const claims = withChanges(
    accessTokenClaims(issuer, {
      sub: subject.id,
      clientId,
      audience,
      scope: scopeClaim(issuer, scope, request.machine !== undefined && resource !== undefined),
      ttlSeconds: request.expiresIn ?? resource?.accessTokenTtl ?? ACCESS_TOKEN_TTL_SECONDS,
      ...(bound ? { organizationId: organization } : {}),
    }),
    request.claims,
  );
  const header = { typ: 'at+jwt', ...request.header };
  const token = await signed().catch((error: unknown) => {
    if (request.header === undefined) throw error;
    throw new ControlRefusal(400, 'unusable_header', 'The current key cannot sign a token with this header.');
  });
  issuer.issuedLog.add({
    kind: 'access',
    via: request.fault === undefined ? 'control' : `control (${request.fault})`,
    subject: subject.id,
    clientId,
    audience,
    scope: String(token.claims.scope ?? ''),
    ...(organization === undefined ? {} : { organizationId: organization }),
  });
  return { ...token, expiresAt: dateOf(token.claims.exp) };

  async function signed() {
    return request.fault === undefined
      ? { token: await sign(issuer, claims, header), claims }
      : applyTokenFault(issuer, request.fault, { claims, header, subject, clientId });
  }
}

function subjectOf(
  { directory }: Issuer,
  userName: string | undefined,
  machineName: string | undefined,
): { subject: UserRecord | ApplicationRecord; clientId: string } {
  if (userName !== undefined) {
    const subject = findUser(directory, userName);
    if (!subject) throw new ControlRefusal(404, 'unknown_user', `There is no user ${userName}.`);
    const web = directory.applications.find(({ type }) => type !== 'MachineToMachine');
    return { subject, clientId: web?.id ?? 'emulator' };
  }
  const subject = findApplication(directory, machineName ?? '');
  if (subject?.type !== 'MachineToMachine')
    throw new ControlRefusal(404, 'unknown_machine', `There is no machine application ${machineName}.`);
  return { subject, clientId: subject.id };
}

function organizationOf({ directory }: Issuer, name: string | undefined): string | undefined {
  if (name === undefined) return undefined;
  const organization = findOrganization(directory, name);
  if (!organization)
    throw new ControlRefusal(404, 'unknown_organization', `There is no organization ${name}.`);
  return organization.id;
}

function audienceOf(
  { directory }: Issuer,
  resource: string | null | undefined,
  organization: string | undefined,
): string {
  if (typeof resource === 'string') return resource;
  if (resource === null && organization !== undefined) return organizationAudience(organization);
  const first = directory.resources.find(({ indicator }) => indicator !== MANAGEMENT_API);
  if (!first) throw new ControlRefusal(404, 'unknown_resource', 'There is no API resource.');
  return first.indicator;
}

function heldScopes(
  { directory }: Issuer,
  subject: UserRecord | ApplicationRecord,
  resource: ResourceRecord | undefined,
  organizationId: string | undefined,
): string[] {
  if (resource)
    return grantedResourceScopes(directory, subject, resource.id, {
      ...(organizationId === undefined ? {} : { organizationId }),
      machine: !('username' in subject),
    });
  return organizationId === undefined ? [] : grantedOrganizationScopes(directory, subject, organizationId);
}

/** `null` for a claim that is no time. */
function dateOf(exp: unknown): string | null {
  const date = new Date(typeof exp === 'number' ? exp * 1000 : Number.NaN);
  return Number.isNaN(date.getTime()) ? null : date.toISOString();
}

function withChanges(claims: JWTPayload, changes: Record<string, unknown> = {}): JWTPayload {
  const changed = { ...claims, ...changes };
  for (const [name, value] of Object.entries(changes)) if (value === null) delete changed[name];
  return changed;
}
