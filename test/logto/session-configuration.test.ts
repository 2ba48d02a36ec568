import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import { ConfigurationError } from '../../src/errors.ts';
import { createLogtoSession, type LogtoSessionOptions } from '../../src/logto/logto-session.ts';
import { sessionConfigurationProblems } from '../../src/logto/session-configuration.ts';

const secrets = ['s'.repeat(32)];
const problemsOf = (more: object) =>
  sessionConfigurationProblems({ baseUrl: 'http://localhost:3000', secrets, ...more });

describe('the configuration of browser sessions', () => {
  it.each([
    {},
    { baseUrl: 'http://127.0.0.1:3000' },
    { baseUrl: 'http://[::1]:3000' },
    { baseUrl: 'https://app.example', trustProxy: 'loopback' },
    { baseUrl: 'https://app.example', trustProxy: 1 },
    { baseUrl: 'https://app.example', directTls: true },
    { baseUrl: 'http://app:3000', insecureHosts: ['app'] },
    { baseUrl: 'http://app:3000', insecureHosts: ['app:3000'] },
    { secrets: ['n'.repeat(40), ...secrets] },
  ])('takes %j', (more) => {
    expect(problemsOf(more)).toEqual([]);
  });

  it('refuses https behind a proxy that is not trusted: the cookie would silently be lost', () => {
    for (const trustProxy of [undefined, false, '', 0]) {
      expect(problemsOf({ baseUrl: 'https://app.example', trustProxy })).toEqual([
        expect.stringContaining('TRUST_PROXY'),
      ]);
    }
  });

  it('refuses plain http on another host than loopback', () => {
    expect(problemsOf({ baseUrl: 'http://app.example' })).toEqual([expect.stringContaining('https')]);
  });

  it.each([
    'http://localhost:3000/',
    'http://localhost:3000/app',
    'localhost:3000',
    '',
    'ftp://localhost',
    'http://u@localhost',
  ])('refuses the base URL %j', (baseUrl) => {
    expect(problemsOf({ baseUrl })).toEqual([expect.stringContaining('bare origin')]);
  });

  it('refuses no secret, and a short one anywhere in the list', () => {
    expect(problemsOf({ secrets: [] })).toEqual([expect.stringContaining('empty')]);
    expect(problemsOf({ secrets: [...secrets, 'short'] })).toEqual([expect.stringContaining('32')]);
  });

  it('stops the creation, naming every mistake at once', () => {
    const options = { baseUrl: 'https://app.example', secrets: [] } as unknown as LogtoSessionOptions;
    const create = () => createLogtoSession(options);
    expect(create).toThrow(ConfigurationError);
    expect(create).toThrow(/TRUST_PROXY[\s\S]*SESSION_SECRETS/);
  });
});

describe('the types', () => {
  it('know no session on a plain request: the augmentation of the SDK does not leak', () => {
    // @ts-expect-error a `session` of plain strings would break every other session library's types
    const read = (req: IncomingMessage) => req.session;
    expect(read({} as IncomingMessage)).toBeUndefined();
  });
});
