import { createHash, timingSafeEqual } from 'node:crypto';
import type { Request } from 'express';
import type { ApplicationRecord } from '../directory/records.ts';
import type { Issuer } from '../issuer.ts';
import { invalidClient, OidcError } from './oidc-error.ts';

export const isPublic = ({ type }: ApplicationRecord): boolean => type === 'SPA' || type === 'Native';

/**
 * The application that calls the token, introspection or revocation endpoint: Basic or body credentials,
 * `client_id` alone for public clients only.
 *
 * @throws OidcError `invalid_client` (401), `invalid_request` (400) when it says two different things.
 */
export function authenticateClient(issuer: Issuer, req: Request): ApplicationRecord {
  const { id, secret } = credentialsOf(req, issuer);
  const application = issuer.directory.applications.get(id);
  if (!application) throw invalidClient(issuer.issuer);
  if (isPublic(application)) {
    if (secret !== undefined) throw invalidClient(issuer.issuer);
    return application;
  }
  if (secret === undefined || !sameText(secret, application.secret)) throw invalidClient(issuer.issuer);
  return application;
}

function credentialsOf(req: Request, issuer: Issuer): { id: string; secret?: string } {
  const body = (req.body ?? {}) as Record<string, unknown>;
  const bodyId = typeof body.client_id === 'string' ? body.client_id : undefined;
  const bodySecret = typeof body.client_secret === 'string' ? body.client_secret : undefined;
  const header = req.headers.authorization;
  if (header === undefined) {
    if (bodyId === undefined)
      throw new OidcError('invalid_request', 'no client authentication mechanism provided');
    return bodySecret === undefined ? { id: bodyId } : { id: bodyId, secret: bodySecret };
  }
  const [scheme, encoded = ''] = header.split(' ');
  if (scheme?.toLowerCase() !== 'basic') throw invalidClient(issuer.issuer);
  const decoded = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = decoded.indexOf(':');
  if (colon < 1) throw invalidClient(issuer.issuer);
  const id = formDecoded(decoded.slice(0, colon));
  if (bodyId !== undefined && bodyId !== id)
    throw new OidcError('invalid_request', 'mismatch in body and authorization client ids');
  if (bodySecret !== undefined)
    throw new OidcError('invalid_request', 'client authentication must only be provided using one mechanism');
  return { id, secret: formDecoded(decoded.slice(colon + 1)) };
}

/** RFC 6749 §2.3.1 encodes both halves; some clients send them raw. */
function formDecoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', '%20'));
  } catch {
    return text;
  }
}

function sameText(left: string, right: string | null): boolean {
  if (right === null) return false;
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(left), digest(right));
}
