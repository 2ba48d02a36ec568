import type { ApplicationRecord } from '../directory/records.ts';
import type { Issuer } from '../issuer.ts';
import { isPublic } from './client-authentication.ts';
import type { AuthorizationRequest } from './issued-state.ts';
import { invalidTarget, OidcError } from './oidc-error.ts';
import { ORGANIZATIONS_RESOURCE } from './user-claims.ts';

type Parameters = Record<string, unknown>;
const RESPONSE_MODES = ['query', 'fragment', 'form_post'] as const;
const SINGLE = [
  'response_type',
  'scope',
  'state',
  'nonce',
  'prompt',
  'code_challenge',
  'max_age',
  'id_token_hint',
];
const PROMPTS = ['none', 'login', 'consent', 'select_account'];

/**
 * Who asks and where the answer may go. Errors of this step are answered with a page, never with a redirect:
 * the address is not trusted yet.
 */
export function requireTrustedRedirect(
  issuer: Issuer,
  parameters: Parameters,
): { application: ApplicationRecord; redirectUri: string } {
  const clientId = single(parameters, 'client_id');
  if (clientId === undefined)
    throw new OidcError('invalid_request', "missing required parameter 'client_id'");
  const application = issuer.directory.applications.get(clientId);
  if (!application || application.type === 'MachineToMachine')
    throw new OidcError('invalid_client', 'client is invalid', { iss: issuer.issuer });
  const redirectUri = single(parameters, 'redirect_uri');
  if (redirectUri === undefined)
    throw new OidcError('invalid_request', "missing required parameter 'redirect_uri'");
  // Character for character: no prefix, no other port, no added query.
  if (!application.redirectUris.includes(redirectUri))
    throw new OidcError(
      'invalid_redirect_uri',
      "redirect_uri did not match any of the client's registered redirect_uris",
      { iss: issuer.issuer },
    );
  return { application, redirectUri };
}

/**
 * The rest of the request.
 *
 * @throws OidcError that goes back to the application as a redirect.
 */
export function parseAuthorizationRequest(
  issuer: Issuer,
  parameters: Parameters,
  { application, redirectUri }: { application: ApplicationRecord; redirectUri: string },
): AuthorizationRequest {
  for (const name of SINGLE)
    if (Array.isArray(parameters[name]))
      throw new OidcError('invalid_request', `'${name}' parameter must not be provided twice`);
  if (parameters.request !== undefined)
    throw new OidcError('request_not_supported', 'request is not supported');
  if (single(parameters, 'response_type') !== 'code')
    throw new OidcError('unsupported_response_type', 'unsupported response_type requested');

  const prompts = words(parameters, 'prompt');
  if (prompts.some((prompt) => !PROMPTS.includes(prompt)) || (prompts.includes('none') && prompts.length > 1))
    throw new OidcError('invalid_request', 'invalid prompt value provided');

  const codeChallenge = single(parameters, 'code_challenge');
  if (codeChallenge === undefined && single(parameters, 'code_challenge_method') !== undefined)
    throw new OidcError('invalid_request', 'code_challenge must be provided with code_challenge_method');
  if (codeChallenge !== undefined && single(parameters, 'code_challenge_method') !== 'S256')
    throw new OidcError('invalid_request', 'not supported value of code_challenge_method');
  if (codeChallenge !== undefined && !/^[\w~.-]{43,128}$/.test(codeChallenge))
    throw new OidcError('invalid_request', 'code_challenge must be a string with a length of 43 to 128');
  if (codeChallenge === undefined && isPublic(application))
    throw new OidcError(
      'invalid_request',
      'Authorization Server policy requires PKCE to be used for this request',
    );

  const maxAge = single(parameters, 'max_age');
  if (maxAge !== undefined && !/^\d{1,10}$/.test(maxAge))
    throw new OidcError('invalid_request', 'invalid max_age parameter value');

  const scopes = words(parameters, 'scope');
  if (!scopes.includes('openid')) throw new OidcError('invalid_request', 'openid scope must be requested');

  return {
    clientId: application.id,
    redirectUri,
    responseMode: responseModeOf(parameters),
    scopes: scopes.filter((scope) => scope !== 'offline_access' || prompts.includes('consent')),
    resources: requireKnownResources(issuer, parameters),
    prompts,
    ...optional('state', single(parameters, 'state')),
    ...optional('nonce', single(parameters, 'nonce')),
    ...optional('codeChallenge', codeChallenge),
    ...(maxAge === undefined ? {} : { maxAgeSeconds: Number(maxAge) }),
    ...optional('loginHint', single(parameters, 'login_hint')),
    ...optional('firstScreen', single(parameters, 'first_screen')),
  };
}

/** Where an error of the request goes, as far as that can be read. */
export function responseModeOf(parameters: Parameters): AuthorizationRequest['responseMode'] {
  const asked = single(parameters, 'response_mode');
  return RESPONSE_MODES.find((mode) => mode === asked) ?? 'query';
}

function requireKnownResources({ directory }: Issuer, parameters: Parameters): string[] {
  const resources = many(parameters, 'resource');
  for (const indicator of resources)
    if (
      indicator !== ORGANIZATIONS_RESOURCE &&
      !directory.resources.find((resource) => resource.indicator === indicator)
    )
      throw invalidTarget();
  return resources;
}

export function single(parameters: Parameters, name: string): string | undefined {
  const value = parameters[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

export function many(parameters: Parameters, name: string): string[] {
  const value = parameters[name];
  return (Array.isArray(value) ? value : [value]).filter((item) => typeof item === 'string' && item !== '');
}

export function words(parameters: Parameters, name: string): string[] {
  return [...new Set((single(parameters, name) ?? '').split(' ').filter(Boolean))];
}

function optional<Key extends string>(key: Key, value: string | undefined): { [K in Key]?: string } {
  return (value === undefined ? {} : { [key]: value }) as { [K in Key]?: string };
}
