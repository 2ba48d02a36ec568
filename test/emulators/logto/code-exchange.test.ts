import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import { type LogtoEmulator, startLogtoEmulator } from '../../../src/emulators/logto/emulator.ts';
import { createCodeFlow } from '../../support/logto-code-flow.ts';

let logto: LogtoEmulator;
let flow: ReturnType<typeof createCodeFlow>;
beforeAll(async () => {
  logto = await startLogtoEmulator();
  flow = createCodeFlow(logto);
});
beforeEach(() => logto.reset());
afterAll(() => logto.close());

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
