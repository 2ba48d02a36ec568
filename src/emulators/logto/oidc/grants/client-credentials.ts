import { single, words } from '../authorization-request.ts';
import { invalidTarget, OidcError } from '../oidc-error.ts';
import { issueResourceToken } from '../resource-tokens.ts';
import type { GrantHandler } from '../token-endpoint.ts';

/** A machine application's own token. Scopes that it does not name, or does not hold, are left out silently. */
export const grantClientCredentials: GrantHandler = async (issuer, application, parameters) => {
  if (application.type !== 'MachineToMachine')
    throw new OidcError('unauthorized_client', 'requested grant type is not allowed for this client');
  const resource =
    single(parameters, 'resource') ??
    issuer.directory.resources.find(({ isDefault }) => isDefault)?.indicator;
  const organizationId = single(parameters, 'organization_id');
  if (resource === undefined && organizationId === undefined)
    throw invalidTarget('both `resource` and `organization_id` are not provided');

  const { token, scope, ttlSeconds } = await issueResourceToken(issuer, {
    subject: application,
    clientId: application.id,
    scopes: words(parameters, 'scope'),
    ...(resource === undefined ? {} : { resource }),
    ...(organizationId === undefined ? {} : { organizationId }),
    machine: true,
    via: 'client_credentials',
  });
  return {
    access_token: token,
    expires_in: ttlSeconds,
    token_type: 'Bearer',
    ...(scope === '' && resource !== undefined ? {} : { scope }),
  };
};
