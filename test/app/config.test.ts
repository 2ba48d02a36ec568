import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import express from 'express';
import { readConfig } from '../../src/app/config.ts';
import { fields } from '../../src/app/config-fields.ts';
import { ConfigurationError } from '../../src/index.ts';

const problemsOf = (env: Record<string, string>): readonly string[] => {
  try {
    readConfig(env);
    return [];
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems;
    throw error;
  }
};
const real = {
  LOGTO_ENDPOINT: 'https://tenant.logto.app',
  LOGTO_WEBHOOK_SIGNING_KEYS: 'a-key-of-more-than-sixteen',
  PERMIT_API_KEY: 'permit_key_abc',
};
const production = { ...real, NODE_ENV: 'production', BASE_URL: 'https://app.example', TRUST_PROXY: '1' };

describe('the configuration', () => {
  it('needs nothing', () => {
    const config = readConfig({});
    expect(config.port).toBe(3000);
    expect(config.baseUrl).toBe('http://localhost:3000');
    expect(config.logto).toMatchObject({ emulated: true, endpoint: 'http://localhost:3001' });
    expect(config.permit).toMatchObject({
      emulated: true,
      pdpUrl: 'http://localhost:7766',
      defaultRole: 'viewer',
    });
    expect(config.rateLimitPerMinute).toBe(600);
  });

  it('counts an empty value as not set', () => {
    expect(readConfig({ PORT: '', LOGTO_ENDPOINT: ' ' }).logto.emulated).toBe(true);
  });

  it('knows the same variables as .env.example, which it accepts as it is', () => {
    const example = parseEnv(readFileSync('.env.example', 'utf8'));
    expect(Object.keys(example).sort()).toEqual(Object.keys(fields).sort());
    expect(readConfig(example)).toEqual(readConfig({}));
  });

  it('derives issuer and inner address from the endpoint', () => {
    const { logto } = readConfig({ ...real, LOGTO_ENDPOINT: 'https://tenant.logto.app/' });
    expect(logto).toMatchObject({
      emulated: false,
      endpoint: 'https://tenant.logto.app',
      internalEndpoint: 'https://tenant.logto.app',
      issuers: ['https://tenant.logto.app/oidc'],
    });
  });

  it('names every mistake at once: the variable, what is wrong, an example', () => {
    const problems = problemsOf({
      PORT: 'http',
      LOG_LEVEL: 'loud',
      LOGTO_ALGORITHMS: 'HS256',
      DATABASE_URL: 'mysql://x',
    });
    expect(problems).toHaveLength(4);
    expect(problems.find((p) => p.startsWith('PORT '))).toMatch(/whole number.*Example: PORT=3000/);
    expect(problems.find((p) => p.startsWith('LOGTO_ALGORITHMS '))).toMatch(/"HS256" is none of ES384/);
    for (const problem of problems) expect(problem).toMatch(/^[A-Z_]+ .+ Example: /);
  });

  it('repeats no secret in a report', () => {
    const problems = problemsOf({
      ...real,
      SESSION_SECRETS: 'short-secret',
      LOGTO_APP_ID: 'a',
      LOGTO_APP_SECRET: 's3cr3t',
    });
    expect(problems.join('\n')).not.toMatch(/short-secret|s3cr3t/);
    expect(problems).toHaveLength(1);
  });

  it.each([
    ['a number with a unit', { PERMIT_TIMEOUT_MS: '500ms' }, 'PERMIT_TIMEOUT_MS'],
    ['an hour of remembered decisions', { PERMISSION_CACHE_TTL_MS: '3600000' }, 'PERMISSION_CACHE_TTL_MS'],
    ['an hour of remembered tokens', { TOKEN_CACHE_TTL_MS: '3600000' }, 'TOKEN_CACHE_TTL_MS'],
    ['a port out of range', { METRICS_PORT: '70000' }, 'METRICS_PORT'],
    ['an origin with a path', { CORS_ORIGINS: 'https://app.example/' }, 'CORS_ORIGINS'],
    ['any origin', { CORS_ORIGINS: '*' }, 'CORS_ORIGINS'],
    ['a list of nothing', { LOGTO_API_RESOURCE: ',' }, 'LOGTO_API_RESOURCE'],
    [
      'the API of Logto itself as one of ours',
      { LOGTO_API_RESOURCE: 'https://api.example,https://tenant.logto.app/api' },
      'LOGTO_API_RESOURCE',
    ],
    [
      'a password in an address',
      { ...real, LOGTO_ENDPOINT: 'https://me:s3cr3t@tenant.logto.app' },
      'LOGTO_ENDPOINT',
    ],
    [
      'a password in an issuer',
      { ...real, LOGTO_ISSUER: 'https://me:s3cr3t@tenant.logto.app/oidc' },
      'LOGTO_ISSUER',
    ],
    ['another flag word', { LOGTO_ORGANIZATION_AUDIENCE: 'yes' }, 'LOGTO_ORGANIZATION_AUDIENCE'],
    ['a role that the policy lacks', { PERMIT_DEFAULT_ROLE: 'boss' }, 'PERMIT_DEFAULT_ROLE'],
    ['a production that is misspelt', { NODE_ENV: 'Production' }, 'NODE_ENV'],
    ['a production that is cut short', { NODE_ENV: 'prod' }, 'NODE_ENV'],
    ['a proxy that is none', { TRUST_PROXY: 'banana' }, 'TRUST_PROXY'],
    ['a subnet that is none', { TRUST_PROXY: '10.0.0.0/33' }, 'TRUST_PROXY'],
    ['the whole internet as proxy', { TRUST_PROXY: '0.0.0.0/0' }, 'TRUST_PROXY'],
    ['proxies that are none at all', { TRUST_PROXY: ',' }, 'TRUST_PROXY'],
    ['an origin with more to it', { BASE_URL: 'http://localhost:3000/app' }, 'BASE_URL'],
    ['https without the proxy that speaks it', { BASE_URL: 'https://app.example' }, 'BASE_URL'],
    ['sessions over plain http', { BASE_URL: 'http://app.example' }, 'BASE_URL'],
    ['one port for two doors', { PORT: '4000', METRICS_PORT: '4000' }, 'METRICS_PORT'],
    ["an emulator's port for the application", { PORT: '7766' }, 'PERMIT_EMULATOR_PORT'],
    ['half a pair', { ...real, LOGTO_M2M_APP_ID: 'x' }, 'LOGTO_M2M_APP_SECRET'],
    ['an application of an emulated Logto', { LOGTO_APP_ID: 'x', LOGTO_APP_SECRET: 'y' }, 'LOGTO_ENDPOINT'],
    [
      'a real Logto without a signing key',
      { LOGTO_ENDPOINT: 'https://t.logto.app' },
      'LOGTO_WEBHOOK_SIGNING_KEYS',
    ],
    ['plain http to another machine', { ...real, LOGTO_ENDPOINT: 'http://logto.example' }, 'LOGTO_ENDPOINT'],
    ['a PDP address without a key', { PERMIT_PDP_URL: 'http://localhost:7000' }, 'PERMIT_API_KEY'],
    [
      'sessions on a shared database without secrets',
      { ...real, LOGTO_APP_ID: 'a', LOGTO_APP_SECRET: 'b', DATABASE_URL: 'postgres://localhost/x' },
      'SESSION_SECRETS',
    ],
  ])('refuses %s', (_what, env, variable) => {
    expect(problemsOf(env)).toEqual([expect.stringMatching(new RegExp(`^${variable} `))]);
  });

  it.each([
    ['off', false],
    ['0', false],
    ['on', 1],
    ['2', 2],
    ['loopback, 10.0.0.0/8,fd00::/8,::1', ['loopback', '10.0.0.0/8', 'fd00::/8', '::1']],
  ])('takes TRUST_PROXY=%s, and Express takes what becomes of it', (text, trustProxy) => {
    expect(readConfig({ TRUST_PROXY: text }).trustProxy).toEqual(trustProxy);
    expect(() => express().set('trust proxy', trustProxy)).not.toThrow();
  });

  it('needs no proxy for https where no session depends on it, and knows an origin however it is written', () => {
    const { baseUrl } = readConfig({ ...real, BASE_URL: 'https://APP.example:443/' });
    expect(baseUrl).toBe('https://app.example');
    const web = { ...real, LOGTO_APP_ID: 'a', LOGTO_APP_SECRET: 'b', BASE_URL: 'https://app.example' };
    expect(problemsOf(web)).toEqual([expect.stringMatching(/TRUST_PROXY.*Example: TRUST_PROXY=1/)]);
    expect(problemsOf({ ...web, TRUST_PROXY: '1' })).toEqual([]);
  });

  it('lets ports be equal that are free ones, or nobody opens', () => {
    expect(problemsOf({ PORT: '0', METRICS_PORT: '0', LOGTO_EMULATOR_PORT: '0' })).toEqual([]);
    expect(problemsOf({ ...real, PORT: '3001' })).toEqual([]);
  });

  it('refuses emulated Logto beside a real Permit, unless it is asked for', () => {
    expect(problemsOf({ PERMIT_API_KEY: 'permit_key_abc' })).toEqual([
      expect.stringMatching(/^PERMIT_API_KEY .*ALLOW_MIXED_SERVICES/),
    ]);
    const mixed = readConfig({ PERMIT_API_KEY: 'permit_key_abc', ALLOW_MIXED_SERVICES: 'true' });
    expect(mixed.mixed).toBe(true);
    expect(readConfig({ ...real }).mixed).toBe(false);
    expect(
      problemsOf({ PERMIT_API_KEY: 'permit_key_environment', PERMIT_API_URL: 'http://localhost:7766' }),
    ).toEqual([]);
  });

  it('lets named hosts be plain http', () => {
    const env = {
      ...real,
      LOGTO_INTERNAL_ENDPOINT: 'http://logto:3001',
      PERMIT_PDP_URL: 'http://permit-pdp:7000',
    };
    expect(problemsOf(env)).toHaveLength(2);
    expect(problemsOf({ ...env, ALLOW_INSECURE_HOSTS: 'logto,permit-pdp' })).toEqual([]);
  });
});

it('minds no other name of an environment', () => {
  expect(readConfig({ NODE_ENV: 'staging' }).production).toBe(false);
});

describe('in production', () => {
  it('accepts what is real', () => {
    expect(problemsOf(production)).toEqual([]);
  });

  it.each([
    ['the Logto emulator', { ...production, LOGTO_ENDPOINT: '' }, /LOGTO_ENDPOINT/],
    ['the Permit emulator', { ...production, PERMIT_API_KEY: '' }, /PERMIT_API_KEY/],
    ["the emulator's key", { ...production, PERMIT_API_KEY: 'permit_key_environment' }, /PERMIT_API_KEY/],
    ['a plain http issuer', { ...production, LOGTO_ISSUER: 'http://localhost:3001/oidc' }, /plain http/],
    ['insecure hosts', { ...production, ALLOW_INSECURE_HOSTS: 'logto' }, /ALLOW_INSECURE_HOSTS/],
    ['mixed services', { ...production, ALLOW_MIXED_SERVICES: 'true' }, /ALLOW_MIXED_SERVICES/],
    [
      'a short signing key',
      { ...production, LOGTO_WEBHOOK_SIGNING_KEYS: 'short' },
      /LOGTO_WEBHOOK_SIGNING_KEYS/,
    ],
    [
      'generated session secrets',
      { ...production, LOGTO_APP_ID: 'a', LOGTO_APP_SECRET: 'b' },
      /SESSION_SECRETS/,
    ],
  ])('refuses %s', (_what, env, message) => {
    expect(problemsOf(env)).toEqual(expect.arrayContaining([expect.stringMatching(message)]));
  });
});
