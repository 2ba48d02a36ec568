import { createHash } from 'node:crypto';
import { type JWTHeaderParameters, type JWTPayload, SignJWT } from 'jose';
import { newSecret } from '../directory/ids.ts';
import type { ApplicationRecord, UserRecord } from '../directory/records.ts';
import type { Issuer } from '../issuer.ts';
import { clientSettingsOf } from './client-settings.ts';
import { userClaims } from './user-claims.ts';

export const ACCESS_TOKEN_TTL_SECONDS = 3600;

export type AccessTokenInput = {
  sub: string;
  clientId: string;
  audience: string;
  /** `undefined` leaves the claim out. */
  scope: string | undefined;
  ttlSeconds: number;
  organizationId?: string;
  actor?: string;
  extra?: JWTPayload;
  header?: Record<string, unknown>;
};

export const nowSeconds = ({ clock }: Issuer): number => Math.floor(clock.now() / 1000);

/** A JWT identifier is 21 characters long up to 1.41, 43 since 1.42. */
const newJti = (issuer: Issuer): string => newSecret(issuer.version === '1.42' ? 43 : 21);

/** Claims of an access token for a resource or an organization, in the recorded order. */
export function accessTokenClaims(issuer: Issuer, input: AccessTokenInput): JWTPayload {
  const iat = nowSeconds(issuer);
  return {
    ...input.extra,
    ...(input.organizationId === undefined ? {} : { organization_id: input.organizationId }),
    ...(input.actor === undefined ? {} : { act: { sub: input.actor } }),
    jti: newJti(issuer),
    sub: input.sub,
    iat,
    exp: iat + input.ttlSeconds,
    ...(input.scope === undefined ? {} : { scope: input.scope }),
    client_id: input.clientId,
    iss: issuer.issuer,
    aud: input.audience,
  };
}

export async function signAccessToken(issuer: Issuer, input: AccessTokenInput): Promise<string> {
  return sign(issuer, accessTokenClaims(issuer, input), { typ: 'at+jwt', ...input.header });
}

export async function signIdToken(
  issuer: Issuer,
  {
    user,
    application,
    scopes,
    nonce,
    sid,
    accessToken,
  }: {
    user: UserRecord;
    application: ApplicationRecord;
    scopes: readonly string[];
    nonce?: string;
    sid?: string;
    accessToken?: string;
  },
): Promise<string> {
  const iat = nowSeconds(issuer);
  const clientId = application.id;
  const old = issuer.version === '1.41';
  const claims = {
    ...userClaims(issuer.directory, user, scopes, { userinfo: false }),
    ...(nonce === undefined ? {} : { nonce }),
    ...(sid === undefined ? {} : { sid }),
    ...(old && accessToken ? { at_hash: leftHalfHash(accessToken, issuer.keys.current().alg) } : {}),
    aud: clientId,
    exp: iat + clientSettingsOf(application).idTokenTtlSeconds,
    iat,
    iss: issuer.issuer,
  };
  issuer.issuedLog.add({ kind: 'id', via: 'oidc', subject: user.id, clientId, audience: clientId });
  return sign(issuer, claims, old ? { typ: 'JWT' } : {});
}

export async function signLogoutToken(
  issuer: Issuer,
  { userId, clientId, sid }: { userId: string; clientId: string; sid?: string },
): Promise<string> {
  issuer.issuedLog.add({ kind: 'logout', via: 'session end', subject: userId, clientId, audience: clientId });
  return sign(
    issuer,
    {
      sub: userId,
      events: { 'http://schemas.openid.net/event/backchannel-logout': {} },
      jti: newJti(issuer),
      ...(sid === undefined ? {} : { sid }),
      aud: clientId,
      iat: nowSeconds(issuer),
      iss: issuer.issuer,
    },
    { typ: 'logout+jwt' },
  );
}

export async function sign(
  issuer: Issuer,
  claims: JWTPayload,
  header: Record<string, unknown>,
  key = issuer.keys.current(),
): Promise<string> {
  return new SignJWT(claims)
    .setProtectedHeader({ alg: key.alg, ...header, kid: header.kid ?? key.kid } as JWTHeaderParameters)
    .sign(key.privateKey);
}

function leftHalfHash(token: string, alg: string): string {
  const digest = createHash(`sha${alg.slice(2)}`)
    .update(token)
    .digest();
  return digest.subarray(0, digest.length / 2).toString('base64url');
}
