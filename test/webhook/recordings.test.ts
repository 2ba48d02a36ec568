import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { parseDelivery } from '../../src/webhook/delivery.ts';
import { parseEvent, subjectsOf } from '../../src/webhook/events.ts';
import { createSignatureCheck } from '../../src/webhook/signature.ts';

type Recording = { headers: Record<string, string>; rawBody: string; trigger?: string };
const folder = [resolve('test/contracts/recordings'), resolve('../shared/contracts/logto')].find((path) =>
  existsSync(join(path, 'webhooks')),
) as string;
const read = (file: string) => JSON.parse(readFileSync(join(folder, file), 'utf8'));

const files = ['webhooks', 'v1.42.0/webhooks'].flatMap((sub) =>
  readdirSync(join(folder, sub))
    .filter((name) => !name.startsWith('_'))
    .map((name) => join(sub, name)),
);
const recordings = files.flatMap((file) => {
  const { signingKey, recordings } = read(file) as { signingKey: string; recordings: Recording[] };
  return recordings.map((recording) => ({ file, signingKey, ...recording }));
});
const tests = read('webhooks/_test-payloads.json') as { signingKey: string; received: Recording[] };

const verifies = (recording: Recording, key: string) =>
  createSignatureCheck([key])(
    Buffer.from(recording.rawBody),
    Buffer.from(recording.headers['logto-signature-sha-256'] as string, 'hex'),
  );
const parsed = (recording: Recording) =>
  parseDelivery(Buffer.from(recording.rawBody), {
    maxAgeSeconds: 300,
    nowMs: Date.parse((JSON.parse(recording.rawBody) as { createdAt: string }).createdAt) + 1_000,
  });

describe('what real Logto servers of both versions sent', () => {
  it('is all there', () => {
    expect(recordings.length).toBeGreaterThanOrEqual(100);
    expect(files.some((file) => file.startsWith('v1.42.0'))).toBe(true);
  });

  it('verifies with the recorded key, and with no other', () => {
    expect(recordings.filter((recording) => !verifies(recording, recording.signingKey))).toEqual([]);
    expect(recordings.filter((recording) => verifies(recording, 'another key'))).toEqual([]);
  });

  it('parses, and makes sense of every event that is for us', () => {
    const dead = recordings.filter((recording) => parsed(recording).verdict === 'dead');
    expect(dead.map(({ file, rawBody }) => [file, rawBody])).toEqual([]);
    const ignored = new Set(
      recordings.filter((r) => parsed(r).verdict === 'ignore').map((r) => parsed(r).event),
    );
    expect([...ignored].sort()).toEqual(['Identifier.Lockout', 'Message.RateLimited', 'PostResetPassword']);
  });

  it('names the subject where it really stands', () => {
    for (const { rawBody } of recordings) {
      const body = JSON.parse(rawBody) as {
        event: string;
        params?: { userId?: string; id?: string };
        userId?: string;
        organizationId?: string;
        data?: { id?: string };
        addedUserIds?: string[];
        removedUserIds?: string[];
      };
      const subjects = subjectsOf(parseEvent(body));
      if (body.event.startsWith('User.')) {
        expect(subjects).toEqual([`user:${body.params?.userId ?? body.data?.id}`]);
      } else if (body.event === 'PostRegister' || body.event === 'PostSignIn') {
        expect(subjects).toEqual([`user:${body.userId}`]);
      } else if (body.event === 'Organization.Membership.Updated') {
        expect(subjects[0]).toBe(`organization:${body.organizationId}`);
        const named = [...(body.addedUserIds ?? []), ...(body.removedUserIds ?? [])].map(
          (user) => `user:${user}`,
        );
        expect(subjects).toEqual(expect.arrayContaining(named));
      } else if (body.event.startsWith('Organization.')) {
        expect(subjects).toEqual([`organization:${body.params?.id ?? body.data?.id}`]);
      } else if (/^(Role|Scope|OrganizationRole|OrganizationScope)\./.test(body.event)) {
        expect(subjects).toEqual(['roles']);
      } else {
        expect(subjects).toEqual([]);
      }
    }
  });

  it('test payloads of the Console verify and are for nobody', () => {
    expect(tests.received.length).toBeGreaterThan(3);
    for (const recording of tests.received) {
      expect(verifies(recording, tests.signingKey)).toBe(true);
      expect(parsed(recording)).toMatchObject({ verdict: 'ignore', reason: 'a test payload', subjects: [] });
    }
  });
});

describe('a user id in custom data', () => {
  const event = (data: unknown, params?: unknown) => ({
    event: 'User.Data.Updated',
    createdAt: '2026-11-24T00:00:00.000Z',
    path: '/users/u1/custom-data',
    matchedRoute: '/users/:userId/custom-data',
    params,
    data,
  });
  it('steers nobody: the path wins', () => {
    expect(
      subjectsOf(parseEvent(event({ id: 'someone-else', plan: 'pro' }, { userId: 'u1abcdefghij' }))),
    ).toEqual(['user:u1abcdefghij']);
    expect(subjectsOf(parseEvent(event({ id: 'fake-id' }, { userId: 'u1abcdefghij' })))).toEqual([
      'user:u1abcdefghij',
    ]);
    expect(
      subjectsOf(parseEvent(event({ id: 7, primaryEmail: [] }, { userId: 'u1abcdefghij' }))),
    ).toHaveLength(1);
  });
  it('without a path the user itself must be there', () => {
    expect(subjectsOf(parseEvent(event({ id: 'u1abcdefghij', name: null })))).toEqual(['user:u1abcdefghij']);
    expect(() => parseEvent(event({ plan: 'pro' }))).toThrow();
    expect(() => parseEvent(event({ id: 'u1abcdefghij' }, { userId: ['x'] }))).toThrow();
  });
});
