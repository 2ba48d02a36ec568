import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { type LogtoEmulator, startLogtoEmulator } from '../../../src/emulators/logto/emulator.ts';
import { createManagementCaller } from '../../support/logto-management-caller.ts';

const api = 'http://localhost:3000/api';
let logto: LogtoEmulator;
beforeAll(async () => {
  logto = await startLogtoEmulator();
});
beforeEach(() => logto.reset());
afterAll(() => logto.close());

async function control(path: string, body: unknown) {
  const answer = await fetch(`${logto.url}/_emulator${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return { status: answer.status, body: (await answer.json()) as Record<string, string> };
}
const mint = (body: object) => control('/tokens', body);
const claimsOf = async (body: object) => decodeJwt((await mint(body)).body.token ?? '');

describe('the scope of a minted token with nothing granted', () => {
  const empty = [
    { machine: 'reporter', organization: 'acme' },
    { user: 'alice', scopes: [] },
    { user: 'alice', organization: 'acme', resource: null, scopes: [] },
  ];
  it('is no claim since 1.42', async () => {
    for (const request of empty) expect(await claimsOf(request)).not.toHaveProperty('scope');
    expect(await claimsOf({ user: 'alice' })).toMatchObject({ scope: 'read:reports write:reports' });
  });

  it('is empty up to 1.41, but for a machine at a resource', async () => {
    const old = await startLogtoEmulator({ version: '1.41' });
    try {
      const scopes = [];
      for (const request of empty) scopes.push((await old.mintToken(request)).claims.scope);
      expect(scopes).toEqual([undefined, '', '']);
    } finally {
      await old.close();
    }
  });
});

describe('what a caller asks of a minted token', () => {
  it('is its key id, when it names one', async () => {
    const { body } = await mint({ user: 'alice', header: { kid: 'another' } });
    expect(decodeProtectedHeader(body.token ?? '')).toMatchObject({ kid: 'another', alg: 'ES384' });
  });

  it.each(['none', 'HS256', 'RS256'])('is refused when the key cannot sign so: %s', async (alg) => {
    const refused = await mint({ user: 'alice', header: { alg } });
    expect([refused.status, refused.body.code]).toEqual([400, 'unusable_header']);
    expect((await mint({ user: 'alice', header: { alg: 'ES384' } })).status).toBe(200);
  });

  it('may be an expiry that is no time; one out of all bounds is refused', async () => {
    const odd = await mint({ user: 'alice', claims: { exp: 'soon' } });
    expect([odd.status, odd.body.expiresAt]).toEqual([200, null]);
    expect((await mint({ user: 'alice', expiresIn: 1e15 })).status).toBe(400);
    expect((await mint({ user: 'alice', claims: { exp: 1e15 } })).body.expiresAt).toBeNull();
    expect(Date.parse((await mint({ user: 'alice', expiresIn: 60 })).body.expiresAt ?? '')).not.toBeNaN();
  });

  it('lives as long as its resource lets it', async () => {
    const call = await createManagementCaller(logto);
    const resources = (await call('GET', '/api/resources')).body as { id: string; indicator: string }[];
    const { id } = resources.find(({ indicator }) => indicator === api) ?? {};
    await call('PATCH', `/api/resources/${id}`, { accessTokenTtl: 60 });
    const life = ({ exp = 0, iat = 0 }) => exp - iat;
    expect(life(await claimsOf({ user: 'alice' }))).toBe(60);
    expect(life(await claimsOf({ user: 'alice', expiresIn: 90 }))).toBe(90);
  });
});

it('a clock out of all bounds is refused, and everything goes on', async () => {
  expect((await control('/clock', { offsetSeconds: 1e15 })).status).toBe(400);
  expect((await control('/clock', { offsetSeconds: 3_600 })).status).toBe(200);
  expect((await fetch(`${logto.url}/oidc/jwks`)).status).toBe(200);
});

it('a key that was made to sign at once signs also when the clock is set back', async () => {
  const kid = async () => decodeProtectedHeader((await logto.mintToken({ user: 'alice' })).token).kid;
  const old = await kid();
  logto.setClock(3_600);
  await logto.rotateKeys();
  const rotated = await kid();
  await logto.reset();
  expect([rotated === old, await kid()]).toEqual([false, rotated]);
  await logto.rotateKeys({ grace: 60 });
  expect(await kid()).toBe(rotated);
});
