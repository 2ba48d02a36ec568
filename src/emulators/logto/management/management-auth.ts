import type { RequestHandler } from 'express';
import { createLocalJWKSet, errors, type JWTPayload, jwtVerify } from 'jose';
import { MANAGEMENT_API } from '../directory/plant-resources.ts';
import type { Issuer } from '../issuer.ts';
import { signingAlgorithms } from '../signing-keys.ts';
import { ManagementError } from './management-error.ts';

/** Lets a token for the Management API with the scope `all` in, and says why not otherwise, as the vendor does. */
export function createManagementAuth(issuer: Issuer): RequestHandler {
  return async function managementAuth(req, _res, next) {
    const token = tokenOf(req.headers.authorization);
    const claims = await verified(issuer, token);
    if (
      !String(claims.scope ?? '')
        .split(' ')
        .includes('all')
    )
      throw new ManagementError(
        403,
        'auth.forbidden',
        'Forbidden. Please check your user roles and permissions.',
      );
    next();
  };
}

function tokenOf(header: string | undefined): string {
  if (header === undefined)
    throw new ManagementError(401, 'auth.authorization_header_missing', 'Authorization header is missing.');
  if (!header.startsWith('Bearer'))
    throw new ManagementError(
      401,
      'auth.authorization_token_type_not_supported',
      'Authorization type is not supported.',
      { data: { supportedTypes: ['Bearer'] } },
    );
  return header.slice('Bearer'.length + 1);
}

async function verified(issuer: Issuer, token: string): Promise<JWTPayload> {
  try {
    const { payload } = await jwtVerify(token, createLocalJWKSet({ keys: issuer.keys.publicJwks() }), {
      issuer: issuer.issuer,
      audience: MANAGEMENT_API,
      algorithms: [...signingAlgorithms],
      currentDate: new Date(issuer.clock.now()),
    });
    return payload;
  } catch (error) {
    const data =
      error instanceof errors.JOSEError
        ? {
            code: error.code,
            name: error.name,
            ...('claim' in error
              ? { claim: error.claim, reason: (error as { reason?: unknown }).reason }
              : {}),
            ...('payload' in error ? { payload: error.payload } : {}),
          }
        : undefined;
    throw new ManagementError(
      401,
      'auth.unauthorized',
      'Unauthorized. Please check credentials and its scope.',
      data === undefined ? {} : { data },
    );
  }
}
