import { describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import { type LogtoSuite, useLogto } from '../../support/logto-suite.ts';

let flow: LogtoSuite['flow'];
useLogto((suite) => {
  ({ flow } = suite);
});

describe('the exchange of a code', () => {
  it('knows no organization: that is what a refresh is for', async () => {
    const acme = { organization_id: 'acme00000000' };
    const scope = 'openid offline_access urn:logto:scope:organizations';
    const { status, body } = await flow.redeem(await flow.codeFor('alice', { scope }), acme);
    expect([status, body.access_token]).toEqual([200, expect.stringMatching(/^[\w-]{43}$/)]);
    const refreshed = await flow.refresh(body.refresh_token ?? '', acme);
    expect(decodeJwt(refreshed.body.access_token ?? '').aud).toBe('urn:logto:organization:acme00000000');
  });
});
