import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import type { Principal } from '../../src/auth/principal.ts';
import { createVerifier } from '../../src/auth/verifier.ts';
import { silentLog } from '../support/auth-app.ts';
import { startTestIssuer, type TestIssuer } from '../support/auth-issuer.ts';

const RECORDINGS = join(import.meta.dirname, '../contracts/recordings');
const API = 'http://localhost:3000/api';
const ORGANIZATION = 'urn:logto:organization:';
const JWT = /eyJ[\w-]+\.eyJ[\w-]+\.[\w-]+/g;

const read = (file: string) => readFileSync(join(RECORDINGS, file), 'utf8');
const tokensIn = (file: string) => [...new Set(read(file).match(JWT) ?? [])];

type Token = { token: string; typ: unknown; aud: string; kid: unknown; iat: number; iss: unknown };
const described = (token: string): Token => {
  const { iat = 0, aud, iss } = decodeJwt(token);
  const { typ, kid } = decodeProtectedHeader(token);
  return { token, typ, kid, iat, iss, aud: String(aud) };
};

describe.each([
  [
    '1.41.0',
    '',
    ['tokens.json', 'tokens-behaviour.json', 'tokens-behaviour-2.json', 'tokens-custom-claims.json'],
  ],
  ['1.42.0', 'v1.42.0/', ['tokens.json', 'tokens-behaviour.json']],
])('tokens that Logto %s really sent', (_version, folder, files) => {
  let issuer: TestIssuer;
  const tokens = files.flatMap((file) => tokensIn(folder + file)).map(described);
  const issuerName = JSON.parse(read(`${folder}discovery.json`)).body.issuer as string;
  const jwks = JSON.parse(read(`${folder}jwks.json`)).body as { keys: { kid: string }[] };

  beforeAll(async () => {
    issuer = await startTestIssuer([]);
    issuer.keys = jwks.keys;
  });
  afterAll(() => issuer.close());

  const verify = ({ token, iat }: Token, organizationAudience = false) =>
    createVerifier({
      issuers: [issuerName],
      audiences: [API],
      organizationAudience,
      jwksUri: issuer.jwksUri,
      defaultTenant: 'default',
      clock: { now: () => (iat + 1) * 1_000 },
      log: silentLog,
    }).verify(token);

  const access = tokens.filter(({ typ, iss }) => typ === 'at+jwt' && iss === issuerName);
  const others = tokens.filter((token) => !access.includes(token));

  it('for our API are all accepted, people apart from machines', async () => {
    const ours = access.filter(({ aud }) => aud === API);
    expect(ours.length).toBeGreaterThan(5);
    const principals: Principal[] = [];
    // One after the other: each makes a verifier and fetches its keys, which has a deadline.
    for (const token of ours) principals.push(await verify(token));
    expect(new Set(principals.map(({ kind }) => kind))).toEqual(new Set(['user', 'machine']));
    for (const { claims, tenant } of principals) expect(tenant).toBe(claims.organization_id ?? 'default');
  });

  it('for an organization are accepted only when that is wanted', async () => {
    const organization = access.filter(({ aud }) => aud.startsWith(ORGANIZATION));
    expect(organization.length).toBeGreaterThan(0);
    for (const token of organization) {
      await expect(verify(token)).rejects.toMatchObject({ code: 'invalid_token' });
      expect((await verify(token, true)).tenant).toBe(token.aud.slice(ORGANIZATION.length));
    }
  });

  it('for anything else are refused: ID tokens, logout tokens, the Management API', async () => {
    const foreign = [...others, ...access.filter(({ aud }) => aud !== API && !aud.startsWith(ORGANIZATION))];
    expect(foreign.length).toBeGreaterThan(0);
    for (const token of foreign)
      await expect(verify(token, true)).rejects.toMatchObject({ code: 'invalid_token' });
  });
});
