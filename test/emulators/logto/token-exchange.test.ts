import { beforeEach, describe, expect, it } from '@jest/globals';
import { type LogtoSuite, useLogto } from '../../support/logto-suite.ts';

const api = 'http://localhost:3000/api';
const web: [string, string] = ['webapp00000000000000a', 'webapp-secret'];
let logto: LogtoSuite['logto'];
let flow: LogtoSuite['flow'];
let call: LogtoSuite['call'];
useLogto((suite) => {
  ({ logto, flow, call } = suite);
});
beforeEach(async () => {
  await call('PATCH', `/api/applications/${web[0]}`, { customClientMetadata: { allowTokenExchange: true } });
});

const impersonationToken = async (): Promise<string> =>
  (await call('POST', '/api/subject-tokens', { userId: 'carol0000000' })).body.subjectToken;

const exchange = (subject_token: string, changes: Record<string, string> = {}) => {
  const fields = {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token,
    subject_token_type: 'urn:logto:token-type:impersonation_token',
    resource: api,
    scope: 'read:reports',
    ...changes,
  };
  return flow.token(Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== '')), web);
};

describe('an impersonation token', () => {
  it('is good once, also for exchanges that come at the same time', async () => {
    // Open connections, so that the exchanges really meet.
    await Promise.all(Array.from({ length: 8 }, () => exchange('none')));
    for (let round = 0; round < 5; round += 1) {
      const subject = await impersonationToken();
      const answers = await Promise.all(Array.from({ length: 8 }, () => exchange(subject)));
      const refused = answers.filter(({ status }) => status !== 200);
      expect(refused.map(({ body }) => body.error)).toEqual(Array(7).fill('invalid_grant'));
    }
  });

  it('becomes an opaque token without a resource, which ends with the user', async () => {
    const { status, body } = await exchange(await impersonationToken(), {
      resource: '',
      scope: 'openid profile',
    });
    expect([status, body.scope, body.access_token]).toEqual([
      200,
      'openid profile',
      expect.stringMatching(/^[\w-]{43}$/),
    ]);
    const me = () =>
      fetch(`${logto.url}/oidc/me`, { headers: { authorization: `Bearer ${body.access_token}` } });
    expect(await (await me()).json()).toMatchObject({ sub: 'carol0000000', username: 'carol' });
    await call('PATCH', '/api/users/carol0000000/is-suspended', { isSuspended: true });
    expect((await me()).status).toBe(401);
  });

  it('of a type that is none, or beside an actor of such a type, is no grant', async () => {
    const { body } = await flow.redeem(await flow.codeFor('bob'));
    const actor = (actor_token_type: string) => ({ actor_token: body.access_token ?? '', actor_token_type });
    for (const changes of [{ subject_token_type: 'urn:x' }, actor('urn:x')])
      expect((await exchange(await impersonationToken(), changes)).body.error).toBe('invalid_grant');
    const known = actor('urn:ietf:params:oauth:token-type:access_token');
    expect((await exchange(await impersonationToken(), known)).status).toBe(200);
  });

  it('is not used up by an exchange that is refused', async () => {
    const subject = await impersonationToken();
    expect((await exchange(subject, { resource: 'http://nobody' })).body.error).toBe('invalid_target');
    expect((await exchange(subject, { organization_id: 'globex000000' })).body.error).toBe('access_denied');
    expect((await exchange(subject)).status).toBe(200);
  });
});
