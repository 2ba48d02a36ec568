import { accepted, family, type Kit, rawMember, refused, type Vector, without } from './kit.ts';

const MANAGEMENT_API = 'https://default.logto.app/api';

/** Signed by the right key, and still no access token. */
export function tokenTypeVectors(kit: Kit): Vector[] {
  const { token, header, claims, nowSeconds } = kit;
  const idToken = {
    ...claims(),
    ...without('client_id'),
    ...without('scope'),
    aud: 'webapp',
    at_hash: 'c29tZXRoaW5n',
    name: 'Alice',
  };
  const typed = (typ: unknown) => token({ header: header({ typ }) });
  return family('token-type', [
    refused('ID token', token({ header: header({ typ: 'JWT' }), payload: idToken })),
    refused('ID token without typ', token({ header: header(without('typ')), payload: idToken })),
    refused(
      'ID token that names the API',
      token({ header: header({ typ: 'JWT' }), payload: { ...idToken, aud: kit.audience } }),
    ),
    refused(
      'ID token with client_id, without typ',
      token({
        header: header(without('typ')),
        payload: { ...idToken, aud: kit.audience, client_id: 'webapp' },
      }),
    ),
    refused('no typ', token({ header: header(without('typ')) })),
    refused('JWT', typed('JWT')),
    refused(
      'logout token',
      token({
        header: header({ typ: 'logout+jwt' }),
        payload: claims({ events: { 'http://schemas.openid.net/event/backchannel-logout': {} } }),
      }),
    ),
    refused(
      'DPoP proof',
      token({
        header: header({ typ: 'dpop+jwt' }),
        payload: claims({ htm: 'GET', htu: 'http://localhost/' }),
      }),
    ),
    refused(
      'security event',
      token({ header: header({ typ: 'secevent+jwt' }), payload: claims({ toe: nowSeconds }) }),
    ),
    refused('near miss: at-jwt', typed('at-jwt')),
    refused('near miss: xat+jwt', typed('xat+jwt')),
    refused('near miss: at+jwt with a blank', typed('at+jwt ')),
    refused('near miss: text/at+jwt', typed('text/at+jwt')),
    refused('typ in a list', typed(['at+jwt'])),
    refused('typ a number', typed(1)),
  ]);
}

export function issuerAudienceVectors(kit: Kit): Vector[] {
  const { token, claims, issuer, audience } = kit;
  const iss = (title: string, value: unknown) =>
    refused(`iss ${title}`, token({ payload: claims({ iss: value }) }));
  const aud = (title: string, value: unknown) =>
    refused(`aud ${title}`, token({ payload: claims({ aud: value }) }));
  const organization = token({
    payload: claims({ aud: 'urn:logto:organization:acme00000001', scope: 'view:reports' }),
  });
  return family('issuer-audience', [
    iss('missing', undefined),
    iss('null', null),
    iss('empty', ''),
    iss('another', 'https://evil.example/oidc'),
    iss('with a slash', `${issuer}/`),
    iss('in upper case', issuer.toUpperCase()),
    iss('cut short', issuer.slice(0, -1)),
    iss('with more behind', `${issuer}.evil.example`),
    iss('as user info', issuer.replace('127.0.0.1', '127.0.0.1@evil.example')),
    iss('in a list', [issuer]),
    iss('with a homoglyph', issuer.replace('o', 'о')),
    iss('with a query', `${issuer}?`),
    aud('missing', undefined),
    aud('null', null),
    aud('empty', ''),
    aud('an empty list', []),
    aud('an object', { [audience]: true }),
    aud('a number', 0),
    aud('nested', [[audience]]),
    aud('with something else in the list', [audience, { x: 1 }]),
    aud('cut short', audience.slice(0, -1)),
    aud('with more behind', `${audience}/admin`),
    aud('with a slash', `${audience}/`),
    aud('in upper case', audience.toUpperCase()),
    aud('another resource', 'https://other.example/api'),
    aud('the application', 'webapp'),
    aud("Logto's Management API", MANAGEMENT_API),
    aud("Logto's Management API in a list", [MANAGEMENT_API]),
    kit.organizationAudience
      ? accepted('aud an organization', organization)
      : refused('aud an organization', organization),
  ]);
}

/** An organization decides the tenant: it has to be one, and to be named once. */
export function organizationVectors(kit: Kit): Vector[] {
  const { token, claims } = kit;
  const urn = (id: string) => `urn:logto:organization:${id}`;
  const payload = (overrides: Record<string, unknown>) => token({ payload: claims(overrides) });
  return family('organization', [
    accepted('organization_id', payload({ organization_id: 'acme00000001' })),
    refused('organization_id empty', payload({ organization_id: '' })),
    refused('organization_id null', payload({ organization_id: null })),
    refused('organization_id a list', payload({ organization_id: ['acme00000001'] })),
    refused('organization_id with a slash', payload({ organization_id: 'acme/../globex' })),
    refused('aud an organization without an id', payload({ aud: urn('') })),
    refused('aud two organizations', payload({ aud: [urn('acme00000001'), urn('globex000001')] })),
    refused(
      'aud an organization, organization_id another',
      payload({ aud: urn('acme00000001'), organization_id: 'globex000001' }),
    ),
    refused('aud nearly an organization', payload({ aud: 'urn:logto:organizations:acme00000001' })),
  ]);
}

export function timeVectors(kit: Kit): Vector[] {
  const { token, claims, nowSeconds } = kit;
  const at = (title: string, overrides: Record<string, unknown>) =>
    refused(title, token({ payload: claims(overrides) }));
  return family('time', [
    at('exp an hour behind', { exp: nowSeconds - 3_600 }),
    at('exp just beyond the tolerance', { exp: nowSeconds - 5 }),
    at('exp missing', { exp: undefined }),
    at('exp null', { exp: null }),
    at('exp false', { exp: false }),
    at('exp zero', { exp: 0 }),
    at('exp negative', { exp: -1 }),
    at('exp a string', { exp: String(nowSeconds + 60) }),
    at('exp a list', { exp: [nowSeconds + 60] }),
    refused('exp 1e999', token({ payload: rawMember(claims(), 'exp', '1e999') })),
    at('nbf ahead', { nbf: nowSeconds + 6 }),
    at('nbf a string', { nbf: 'now' }),
    at('iat just ahead', { iat: nowSeconds + 6 }),
    at('iat an hour ahead', { iat: nowSeconds + 3_600 }),
    at('iat missing', { iat: undefined }),
    at('iat a string', { iat: String(nowSeconds) }),
    refused('iat -1e999', token({ payload: rawMember(claims(), 'iat', '-1e999') })),
  ]);
}

export function subjectVectors(kit: Kit): Vector[] {
  const { token, claims } = kit;
  const of = (title: string, overrides: Record<string, unknown>, statuses?: number[]) =>
    refused(title, token({ payload: claims(overrides) }), statuses);
  return family('subject', [
    of('missing', { sub: undefined }),
    of('empty', { sub: '' }),
    of('null', { sub: null }),
    of('blank', { sub: '   ' }),
    of('a number', { sub: 7 }),
    of('an object', { sub: { key: 'root', attributes: { admin: true } } }),
    of('a list', { sub: ['alice0000001'] }),
    of('with control characters', { sub: 'alice\u0000\r\n' }),
    of('4 KB', { sub: 'a'.repeat(4_096) }),
    of('not ASCII', { sub: 'аlice0000001' }),
    of('the key of a machine', { sub: 'm2m|webapp' }, [403]),
    of('client_id missing', { client_id: undefined }),
    of('client_id empty', { client_id: '' }),
    of('client_id a number', { client_id: 1 }),
    of('scope a list', { scope: ['read:reports'] }),
    of('act without a subject', { act: {} }),
    of('act a string', { act: 'root' }),
  ]);
}
