import { createHmac } from 'node:crypto';
import { generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { newSecret } from './directory/ids.ts';
import { MANAGEMENT_API } from './directory/plant-resources.ts';
import type { ApplicationRecord, UserRecord } from './directory/records.ts';
import type { Issuer } from './issuer.ts';
import { sign } from './oidc/sign-tokens.ts';
import { userClaims } from './oidc/user-claims.ts';

/** Every way in which a token can be no good. Each leaves everything else of the token as it should be. */
export const tokenFaults = [
  'expired',
  'not-yet-valid',
  'future-issued-at',
  'no-expiry',
  'wrong-audience',
  'management-audience',
  'no-audience',
  'wrong-issuer',
  'issuer-trailing-slash',
  'wrong-type',
  'no-type',
  'empty-subject',
  'no-client-id',
  'alg-none',
  'hs256-with-public-key',
  'unknown-key',
  'foreign-key-same-kid',
  'embedded-key',
  'unknown-critical-header',
  'bad-signature',
  'tampered-payload',
  'truncated',
  'oversized',
  'opaque',
  'id-token',
  'logout-token',
  'personal-access-token',
] as const;

export type TokenFault = (typeof tokenFaults)[number];

type Subject = UserRecord | ApplicationRecord;
type Good = { claims: JWTPayload; header: Record<string, unknown>; subject: Subject; clientId: string };
type Faulty = { token: string; claims: JWTPayload };

const HOUR = 3600;

export async function applyTokenFault(issuer: Issuer, fault: TokenFault, good: Good): Promise<Faulty> {
  const changed = claimFault(fault, good, issuer);
  if (changed) return { token: await sign(issuer, changed, good.header), claims: changed };
  return { token: await tokenWith(issuer, fault, good), claims: good.claims };
}

/** Faults that lie in what a properly signed token says. */
function claimFault(
  fault: TokenFault,
  { claims, subject, clientId }: Good,
  issuer: Issuer,
): JWTPayload | undefined {
  const iat = claims.iat ?? 0;
  const { aud: _aud, exp: _exp, client_id: _client, ...rest } = claims;
  switch (fault) {
    case 'expired':
      return { ...claims, iat: iat - 2 * HOUR, exp: iat - HOUR };
    case 'not-yet-valid':
      return { ...claims, nbf: iat + HOUR, exp: iat + 2 * HOUR };
    case 'future-issued-at':
      return { ...claims, iat: iat + HOUR, exp: iat + 2 * HOUR };
    case 'no-expiry':
      return { ...rest, aud: claims.aud ?? '', client_id: clientId };
    case 'wrong-audience':
      return { ...claims, aud: 'https://api.example.com' };
    case 'management-audience':
      return { ...claims, aud: MANAGEMENT_API };
    case 'no-audience':
      return { ...rest, exp: claims.exp ?? 0, client_id: clientId };
    case 'wrong-issuer':
      return { ...claims, iss: 'https://issuer.example.com/oidc' };
    case 'issuer-trailing-slash':
      return { ...claims, iss: `${issuer.issuer}/` };
    case 'empty-subject':
      return { ...claims, sub: '' };
    case 'no-client-id':
      return { ...rest, aud: claims.aud ?? '', exp: claims.exp ?? 0, sub: subject.id };
    case 'oversized':
      return { ...claims, padding: 'x'.repeat(20_000) };
    default:
      return undefined;
  }
}

/** Faults of header, key or signature, and tokens of another kind. */
async function tokenWith(issuer: Issuer, fault: TokenFault, good: Good): Promise<string> {
  const { claims, header, subject, clientId } = good;
  const key = issuer.keys.current();
  const whole = () => sign(issuer, claims, header);
  switch (fault) {
    case 'wrong-type':
      return sign(issuer, claims, { ...header, typ: 'JWT' });
    case 'no-type': {
      const { typ: _, ...untyped } = header;
      return sign(issuer, claims, untyped);
    }
    case 'alg-none':
      return `${encoded({ ...header, alg: 'none', kid: key.kid })}.${encoded(claims)}.`;
    case 'hs256-with-public-key': {
      const input = `${encoded({ ...header, alg: 'HS256', kid: key.kid })}.${encoded(claims)}`;
      const secret = JSON.stringify(key.publicJwk);
      return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
    }
    case 'unknown-key':
      return withForeignKey(claims, header, `unknown-${newSecret(12)}`);
    case 'foreign-key-same-kid':
      return withForeignKey(claims, header, key.kid);
    case 'embedded-key': {
      const { privateKey, publicKey } = await generateKeyPair('ES384', { extractable: true });
      const jwk = await crypto.subtle.exportKey('jwk', publicKey);
      return new SignJWT(claims)
        .setProtectedHeader({ alg: 'ES384', ...header, jwk: jwk as never, kid: key.kid })
        .sign(privateKey);
    }
    case 'unknown-critical-header':
      return new SignJWT(claims)
        .setProtectedHeader({ alg: key.alg, ...header, kid: key.kid, crit: ['urn:x'], 'urn:x': true })
        .sign(key.privateKey, { crit: { 'urn:x': true } });
    case 'bad-signature':
      return withSignature(await whole(), (signature) => {
        signature[5] = (signature[5] ?? 0) ^ 1;
        return signature;
      });
    case 'truncated':
      return (await whole()).slice(0, -10);
    case 'tampered-payload': {
      const [head, , signature] = (await whole()).split('.');
      return `${head}.${encoded({ ...claims, scope: 'admin', sub: 'somebody-else' })}.${signature}`;
    }
    case 'id-token': {
      const user = issuer.directory.users.get(subject.id);
      const identity = user ? userClaims(issuer.directory, user, ['profile'], { userinfo: false }) : {};
      const { iat, exp } = claims;
      const idClaims = { ...identity, sub: subject.id, aud: clientId, iat, exp, iss: issuer.issuer };
      return sign(issuer, idClaims as JWTPayload, issuer.version === '1.41' ? { typ: 'JWT' } : {});
    }
    case 'logout-token':
      return sign(
        issuer,
        { ...claims, events: { 'http://schemas.openid.net/event/backchannel-logout': {} } },
        { typ: 'logout+jwt' },
      );
    case 'personal-access-token':
      return `pat_${newSecret(32)}`;
    default:
      return newSecret(43);
  }
}

async function withForeignKey(
  claims: JWTPayload,
  header: Record<string, unknown>,
  kid: string,
): Promise<string> {
  const { privateKey } = await generateKeyPair('ES384');
  return new SignJWT(claims).setProtectedHeader({ alg: 'ES384', ...header, kid }).sign(privateKey);
}

function withSignature(token: string, change: (signature: Buffer) => Buffer): string {
  const [head, body, signature = ''] = token.split('.');
  return `${head}.${body}.${change(Buffer.from(signature, 'base64url')).toString('base64url')}`;
}

const encoded = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
