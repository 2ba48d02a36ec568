import { describe, expect, it } from '@jest/globals';
import { openBrowser, signInAs } from '../../support/logto-browser.ts';
import { type LogtoSuite, useLogto } from '../../support/logto-suite.ts';

const api = 'http://localhost:3000/api';
const acme = 'acme00000000';
let logto: LogtoSuite['logto'];
let flow: LogtoSuite['flow'];
let call: LogtoSuite['call'];
useLogto((suite) => {
  ({ logto, flow, call } = suite);
});

const signedIn = async (who: string, scope: string, more = ''): Promise<string> => {
  const url = flow.authorizationUrl({ scope: `openid offline_access ${scope}` }) + more;
  const back = new URL(await signInAs(openBrowser(logto.url), url, who));
  return (await flow.redeem(back.searchParams.get('code') ?? '')).body.refresh_token ?? '';
};
const scopeOf = async (token: string, fields: Record<string, string> = { resource: api }) =>
  (await flow.refresh(token, fields)).body.scope;
const makeEditor = async (id: string) => {
  const roles = (await call('GET', '/api/roles?type=User')).body as { id: string; name: string }[];
  const editor = roles.find(({ name }) => name === 'editor')?.id ?? '';
  await call('POST', `/api/users/${id}/roles`, { roleIds: [editor] });
  return () => call('DELETE', `/api/users/${id}/roles/${editor}`);
};

describe('what an authorization gave', () => {
  it('does not grow with a new role: that takes another authorization', async () => {
    const token = await signedIn('carol', 'read:reports write:reports');
    expect(await scopeOf(token)).toBe('read:reports');
    await makeEditor('carol0000000');
    expect(await scopeOf(token)).toBe('read:reports');
    expect(await scopeOf(await signedIn('carol', 'read:reports write:reports'))).toBe(
      'read:reports write:reports',
    );
  });

  it('shrinks with a role, and is whole again when the role is back', async () => {
    const removeEditor = await makeEditor('carol0000000');
    const token = await signedIn('carol', 'read:reports write:reports');
    await removeEditor();
    expect(await scopeOf(token)).toBe('read:reports');
    await makeEditor('carol0000000');
    expect(await scopeOf(token)).toBe('read:reports write:reports');
  });

  it('does not grow with a new membership either', async () => {
    const ask = 'urn:logto:scope:organizations read:reports write:reports';
    const within = { resource: api, organization_id: acme };
    const token = await signedIn('dave', ask);
    const roles = (await call('GET', '/api/organization-roles')).body as { id: string; name: string }[];
    const admin = roles.find(({ name }) => name === 'admin')?.id;
    await call('POST', `/api/organizations/${acme}/users`, { userIds: ['dave00000000'] });
    await call('POST', `/api/organizations/${acme}/users/dave00000000/roles`, {
      organizationRoleIds: [admin],
    });
    expect(await scopeOf(token, within)).toBe('read:reports');
    expect(await scopeOf(await signedIn('dave', ask), within)).toBe('read:reports write:reports');
  });

  it('has organization permissions only where their resource was asked for', async () => {
    const ask = 'urn:logto:scope:organizations read:members manage:members';
    const fields = { organization_id: acme };
    expect(await scopeOf(await signedIn('alice', ask), fields)).toBe('');
    const reserved = `&resource=${encodeURIComponent('urn:logto:resource:organizations')}`;
    expect((await scopeOf(await signedIn('alice', ask, reserved), fields))?.split(' ').sort()).toEqual([
      'manage:members',
      'read:members',
    ]);
  });

  it('refuses a refresh for a scope that it did not give', async () => {
    const token = await signedIn('carol', 'read:reports write:reports');
    const refused = await flow.refresh(token, { resource: api, scope: 'write:reports' });
    expect([refused.status, refused.body]).toEqual([
      400,
      expect.objectContaining({ error: 'invalid_scope', scope: 'write:reports' }),
    ]);
    expect((await flow.refresh(token, { resource: api, scope: 'read:reports' })).status).toBe(200);
  });

  it('holds no scope that nobody knows, as introspection shows', async () => {
    const token = await signedIn('alice', 'bogus:scope write:reports');
    const answer = await fetch(`${logto.url}/oidc/token/introspection`, {
      method: 'POST',
      headers: { authorization: `Basic ${btoa('webapp00000000000000a:webapp-secret')}` },
      body: new URLSearchParams({ token }),
    });
    expect(await answer.json()).toMatchObject({
      active: true,
      scope: 'openid offline_access write:reports',
    });
  });
});
