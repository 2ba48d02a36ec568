import { describe, expect, it } from '@jest/globals';
import { isTrustedUrl } from '../../src/auth/trusted-url.ts';
import { createVerifier, type VerifierOptions } from '../../src/auth/verifier.ts';
import { ConfigurationError } from '../../src/errors.ts';
import { manualClock, silentLog } from '../support/auth-app.ts';

const good: VerifierOptions = {
  issuers: ['https://tenant.logto.app/oidc'],
  audiences: ['https://api.example'],
  defaultTenant: 'default',
  clock: manualClock(),
  log: silentLog,
};

describe('options of a verifier', () => {
  it('are good', () => {
    expect(
      createVerifier({
        ...good,
        metrics: undefined as never,
        jwksUri: 'https://tenant.logto.app/oidc/jwks',
      }).keySetState(),
    ).toBe('down');
  });

  it.each<[string, Partial<VerifierOptions>]>([
    ['no issuer', { issuers: [] }],
    ['an issuer over plain http', { issuers: ['http://tenant.logto.app/oidc'] }],
    ['no audience', { audiences: [] }],
    ['an empty audience', { audiences: [' '] }],
    ["Logto's Management API for an audience", { audiences: ['https://default.logto.app/api'] }],
    ['no algorithm', { algorithms: [] }],
    ['HS256', { algorithms: ['ES384', 'HS256'] }],
    ['none', { algorithms: ['none'] }],
    ['a key set over plain http', { jwksUri: 'http://tenant.logto.app/oidc/jwks' }],
    ['no default tenant', { defaultTenant: '' }],
  ])('%s is refused when the verifier is made', (_title, mistake) => {
    expect(() => createVerifier({ ...good, ...mistake })).toThrow(ConfigurationError);
  });

  it('are reported all at once', () => {
    expect.assertions(1);
    try {
      createVerifier({ ...good, issuers: [], audiences: [], algorithms: ['HS256'], defaultTenant: '' });
    } catch (error) {
      expect((error as ConfigurationError).problems).toHaveLength(4);
    }
  });
});

describe('where keys may come from', () => {
  it.each([
    ['https://tenant.logto.app/oidc/jwks', true],
    ['http://localhost:3001/oidc', true],
    ['http://127.0.0.1:3001/oidc', true],
    ['http://127.8.9.10/oidc', true],
    ['http://[::1]:3001/oidc', true],
    ['http://logto:3001/oidc', true],
    ['http://idp.internal/oidc', true],
    ['http://idp.internal:8080/oidc', true],
    ['http://logto:3002/oidc', false],
    ['http://logto.evil.example:3001/oidc', false],
    ['http://127.0.0.1.evil.example/oidc', false],
    ['http://localhost.evil.example/oidc', false],
    ['https://user:password@tenant.logto.app/oidc', false],
    ['https://user@tenant.logto.app/oidc', false],
    ['https://:password@tenant.logto.app/oidc', false],
    ['file:///etc/passwd', false],
    ['not an address', false],
  ])('%s: %p', (url, trusted) => {
    expect(isTrustedUrl(url, ['logto:3001', 'idp.internal'])).toBe(trusted);
  });

  it('is https only where nothing else is listed', () => {
    expect(isTrustedUrl('http://logto:3001/oidc')).toBe(false);
  });
});
