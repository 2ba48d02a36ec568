import { describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import { type LogtoSuite, useLogto } from '../../support/logto-suite.ts';

const web = 'webapp00000000000000a';
const spa = 'spa000000000000000000';
const DAY = 86_400;
let logto: LogtoSuite['logto'];
let flow: LogtoSuite['flow'];
let call: LogtoSuite['call'];
useLogto((suite) => {
  ({ logto, flow, call } = suite);
});

const configure = (id: string, customClientMetadata: object) =>
  call('PATCH', `/api/applications/${id}`, { customClientMetadata });
const signedIn = async (changes: Record<string, string> = {}) =>
  (await flow.redeem(await flow.codeFor('alice', changes))).body;
const lifeOf = (idToken = '') => {
  const { exp = 0, iat = 0 } = decodeJwt(idToken);
  return exp - iat;
};

describe('an application’s settings', () => {
  it('idTokenTtl is the life of ID tokens, refreshed ones too', async () => {
    expect(lifeOf((await signedIn()).id_token)).toBe(3_600);
    await configure(web, { idTokenTtl: 60 });
    const { id_token, refresh_token = '' } = await signedIn();
    expect(lifeOf(id_token)).toBe(60);
    expect(lifeOf((await flow.refresh(refresh_token)).body.id_token)).toBe(60);
  });

  it('refreshTokenTtlInDays is the life of refresh tokens', async () => {
    const usual = (await signedIn()).refresh_token ?? '';
    await configure(web, { refreshTokenTtlInDays: 1 });
    const short = (await signedIn()).refresh_token ?? '';
    logto.setClock(DAY + 1);
    expect([(await flow.refresh(short)).status, (await flow.refresh(usual)).status]).toEqual([400, 200]);
  });

  it('alwaysIssueRefreshToken gives one without offline_access, to a web application', async () => {
    const changes = { scope: 'openid profile', prompt: 'login' };
    expect((await signedIn(changes)).refresh_token).toBeUndefined();
    await configure(web, { alwaysIssueRefreshToken: true });
    const { refresh_token = '' } = await signedIn(changes);
    expect((await flow.refresh(refresh_token)).status).toBe(200);
  });

  it('rotateRefreshToken: false lets a public application keep its token', async () => {
    await configure(spa, { rotateRefreshToken: false });
    const { refresh_token = '' } = (await flow.redeemAs(spa, await flow.codeForSpa('alice'))).body;
    expect((await flow.refreshSpa(refresh_token)).body.refresh_token).toBe(refresh_token);
    await configure(spa, { rotateRefreshToken: true });
    expect((await flow.refreshSpa(refresh_token)).body.refresh_token).not.toBe(refresh_token);
  });

  it('that mean nothing are refused', async () => {
    for (const metadata of [{ idTokenTtl: 'long' }, { refreshTokenTtlInDays: 0 }, { rotateRefreshToken: 1 }])
      expect((await configure(web, metadata)).status).toBe(400);
    expect((await configure(web, { allowTokenExchange: true, corsAllowedOrigins: [] })).status).toBe(200);
  });
});
