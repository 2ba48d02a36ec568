import { type RequestHandler, Router, urlencoded } from 'express';
import type { ApplicationRecord } from '../directory/records.ts';
import type { Issuer } from '../issuer.ts';
import { single } from './authorization-request.ts';
import { authenticateClient } from './client-authentication.ts';
import { exchangeCode } from './grants/authorization-code.ts';
import { grantClientCredentials } from './grants/client-credentials.ts';
import { refresh } from './grants/refresh-token.ts';
import { exchangeToken } from './grants/token-exchange.ts';
import { OidcError } from './oidc-error.ts';

export type TokenAnswer = {
  access_token: string;
  expires_in: number;
  id_token?: string;
  refresh_token?: string;
  token_type: 'Bearer';
  scope?: string;
};

export type GrantHandler = (
  issuer: Issuer,
  application: ApplicationRecord,
  parameters: Record<string, unknown>,
) => Promise<TokenAnswer>;

const GRANTS: Record<string, GrantHandler> = {
  authorization_code: exchangeCode,
  refresh_token: refresh,
  client_credentials: grantClientCredentials,
  'urn:ietf:params:oauth:grant-type:token-exchange': exchangeToken,
};

/** `POST /oidc/token` (RFC 6749 §3.2). */
export function createTokenEndpoint(issuer: Issuer): Router {
  const answerToken: RequestHandler = async function answerToken(req, res) {
    issuer.issued.sweep();
    res.set('Cache-Control', 'no-store');
    const application = authenticateClient(issuer, req);
    const parameters = (req.body ?? {}) as Record<string, unknown>;
    for (const [name, value] of Object.entries(parameters))
      if (Array.isArray(value) && name !== 'resource')
        throw new OidcError('invalid_request', `'${name}' parameter must not be provided twice`);
    const grantType = single(parameters, 'grant_type');
    if (grantType === undefined)
      throw new OidcError('invalid_request', "missing required parameter 'grant_type'");
    const grant = Object.hasOwn(GRANTS, grantType) ? GRANTS[grantType] : undefined;
    if (!grant) throw new OidcError('unsupported_grant_type', 'unsupported grant_type requested');
    res.json(await grant(issuer, application, parameters));
  };
  return Router().post('/token', urlencoded({ extended: false }), answerToken);
}
