import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import {
  createLocalJWKSet,
  createRemoteJWKSet,
  decodeJwt,
  decodeProtectedHeader,
  type JSONWebKeySet,
  jwtVerify,
} from 'jose';
import { type LogtoEmulator, startLogtoEmulator } from '../../../src/emulators/logto/emulator.ts';
import { tokenFaults } from '../../../src/emulators/logto/token-faults.ts';

const api = 'http://localhost:3000/api';
let logto: LogtoEmulator;
beforeAll(async () => {
  logto = await startLogtoEmulator({ version: '1.41' });
});
beforeEach(() => logto.reset());
afterAll(() => logto.close());

const post = async (path: string, body: unknown = {}) => {
  const answer = await fetch(`${logto.url}/_emulator${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
};
const keySet = async () => (await (await fetch(`${logto.url}/oidc/jwks`)).json()) as JSONWebKeySet;
const strict = {
  audience: api,
  typ: 'at+jwt',
  algorithms: ['ES384'],
  requiredClaims: ['sub', 'exp', 'iat', 'client_id'],
};
const verify = async (token: string) =>
  jwtVerify(token, createLocalJWKSet(await keySet()), { issuer: logto.issuer, ...strict });

describe('POST /_emulator/tokens', () => {
  it('answers token, claims and expiry; the token verifies', async () => {
    const { status, body } = await post('/tokens', { user: 'alice' });
    expect(status).toBe(200);
    const { payload } = await verify(String(body.token));
    expect(payload).toEqual(body.claims);
    expect(Date.parse(String(body.expiresAt))).toBe((payload.exp ?? 0) * 1000);
    expect(payload).toMatchObject({
      sub: 'alice0000000',
      client_id: 'webapp00000000000000a',
      scope: 'read:reports write:reports',
    });
  });

  it.each([
    ['alice', 'alice0000000'],
    ['ALICE@example.com', 'alice0000000'],
    ['alice0000000', 'alice0000000'],
  ])('finds the user %s', async (user, sub) => {
    expect((await post('/tokens', { user })).body.claims).toMatchObject({ sub });
  });

  it('binds an organization by name, also where the user is no member', async () => {
    const bound = await post('/tokens', { user: 'alice', organization: 'acme' });
    expect(bound.body.claims).toMatchObject({ organization_id: 'acme00000000', aud: api });
    const foreign = await post('/tokens', { user: 'erin', organization: 'acme' });
    expect(foreign.body.claims).toMatchObject({ organization_id: 'acme00000000', scope: '' });
    const alone = await post('/tokens', { user: 'alice', organization: 'acme', resource: null });
    expect(alone.body.claims).toMatchObject({
      aud: 'urn:logto:organization:acme00000000',
      scope: 'manage:members read:members',
    });
    expect(alone.body.claims).not.toHaveProperty('organization_id');
  });

  it('mints for machines, where sub is the client', async () => {
    const { claims } = (await post('/tokens', { machine: 'reporter' })).body;
    expect(claims).toMatchObject({
      sub: 'reporter000000000000a',
      client_id: 'reporter000000000000a',
      scope: 'read:reports',
    });
  });

  it('takes scopes, claims, header and lifetime as they are', async () => {
    const { body } = await post('/tokens', {
      user: 'carol',
      scopes: ['anything'],
      claims: { act: { sub: 'bob' }, jti: null },
      header: { typ: 'JWT' },
      expiresIn: -5,
    });
    expect(body.claims).toMatchObject({ scope: 'anything', act: { sub: 'bob' } });
    expect(body.claims).not.toHaveProperty('jti');
    expect(decodeProtectedHeader(String(body.token)).typ).toBe('JWT');
    expect(Date.parse(String(body.expiresAt))).toBeLessThan(Date.now());
  });

  it('refuses what it does not understand', async () => {
    expect((await post('/tokens', { user: 'nobody' })).status).toBe(404);
    expect((await post('/tokens', { user: 'alice', organization: 'nobody' })).status).toBe(404);
    expect((await post('/tokens', { machine: 'webapp00000000000000a' })).status).toBe(404);
    expect((await post('/tokens', { user: 'alice', machine: 'reporter' })).status).toBe(400);
    expect((await post('/tokens', { user: 'alice', fault: 'no-such-fault' })).status).toBe(400);
    expect((await post('/tokens', { user: 'alice', scope: 'x' })).status).toBe(400);
  });
});

describe('faulty tokens', () => {
  // A library alone lets these through; a verifier has to look at them by itself.
  const byHand = new Set(['future-issued-at', 'empty-subject', 'oversized', 'management-audience']);

  it.each(tokenFaults.filter((fault) => !byHand.has(fault)))(
    '%s: refused by a strict verifier',
    async (fault) => {
      const { token } = await logto.mintToken({ user: 'alice', fault });
      await expect(verify(token)).rejects.toThrow();
    },
  );

  it.each([...byHand])('%s: properly signed, and wrong all the same', async (fault) => {
    const { token } = await logto.mintToken({ user: 'alice', fault: fault as 'oversized' });
    const { payload } = await jwtVerify(token, createLocalJWKSet(await keySet()));
    const wrong: Record<string, boolean> = {
      'future-issued-at': (payload.iat ?? 0) * 1000 > Date.now(),
      'empty-subject': payload.sub === '',
      oversized: token.length > 8_192,
      'management-audience': payload.aud === 'https://default.logto.app/api',
    };
    expect(wrong[fault]).toBe(true);
  });

  it('come all at once, one of each kind', async () => {
    const faulty = await logto.faultyTokens();
    expect(Object.keys(faulty)).toEqual([...tokenFaults]);
    expect(new Set(Object.values(faulty)).size).toBe(tokenFaults.length);
  });
});

describe('POST /_emulator/keys/rotate', () => {
  const kidOf = async () => decodeProtectedHeader((await logto.mintToken({ user: 'alice' })).token).kid;

  it('signs with the new key at once, and keeps one old one', async () => {
    const [before] = (await keySet()).keys;
    const old = (await logto.mintToken({ user: 'alice' })).token;
    await post('/keys/rotate');
    const { keys } = await keySet();
    expect(keys.map(({ kid }) => kid)).toEqual([await kidOf(), before?.kid]);
    await verify(old);
    await post('/keys/rotate');
    await expect(verify(old)).rejects.toThrow('no applicable key');
  });

  it('announces first where grace is asked for', async () => {
    await post('/keys/rotate', { dropPrevious: true });
    const before = await kidOf();
    await post('/keys/rotate', { grace: 600 });
    expect((await keySet()).keys).toHaveLength(2);
    expect((await keySet()).keys[0]?.kid).toBe(before);
    expect(await kidOf()).toBe(before);
    logto.setClock(601);
    expect(await kidOf()).not.toBe(before);
  });

  it('turns to RSA, whose key has no alg, and forgets the old key on demand', async () => {
    await post('/keys/rotate', { alg: 'RS256', dropPrevious: true });
    const { keys } = await keySet();
    expect(keys).toHaveLength(1);
    expect(keys[0]).toMatchObject({ kty: 'RSA', use: 'sig' });
    expect(keys[0]).not.toHaveProperty('alg');
    const { token } = await logto.mintToken({ user: 'alice' });
    expect(decodeProtectedHeader(token).alg).toBe('RS256');
    await jwtVerify(token, createRemoteJWKSet(new URL(`${logto.url}/oidc/jwks`)));
    for (const alg of ['ES256', 'ES512', 'ES384']) {
      await post('/keys/rotate', { alg });
      expect(decodeProtectedHeader((await logto.mintToken({ user: 'alice' })).token).alg).toBe(alg);
    }
    expect((await post('/keys/rotate', { alg: 'HS256' })).status).toBe(400);
  });

  it('a reset keeps the keys', async () => {
    const before = await kidOf();
    await logto.reset();
    expect(await kidOf()).toBe(before);
  });
});

describe('clock and faults', () => {
  it('a token minted tomorrow is issued tomorrow', async () => {
    await post('/clock', { offsetSeconds: 86_400 });
    const { iat } = decodeJwt((await logto.mintToken({ user: 'alice' })).token);
    expect(Math.round(((iat ?? 0) * 1000 - Date.now()) / 1000)).toBeGreaterThan(86_390);
  });

  it('any endpoint can be away', async () => {
    await post('/faults', { match: { path: '/oidc/jwks' }, status: 503, times: 1 });
    expect((await fetch(`${logto.url}/oidc/jwks`)).status).toBe(503);
    expect((await fetch(`${logto.url}/oidc/jwks`)).status).toBe(200);
  });

  it('says 501 to what it lacks, on the vendor’s paths too', async () => {
    const token = (
      await logto.mintToken({ machine: 'management0000000000a', resource: 'https://default.logto.app/api' })
    ).token;
    for (const path of ['/oidc/device/auth', '/api/connectors', '/nothing']) {
      const answer = await fetch(logto.url + path, { headers: { authorization: `Bearer ${token}` } });
      expect([path, answer.status, await answer.json()]).toEqual([
        path,
        501,
        expect.objectContaining({ code: 'not_emulated' }),
      ]);
    }
  });
});
