import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createKeySet } from '../../src/auth/key-set.ts';
import { UpstreamUnavailable } from '../../src/errors.ts';
import { closeServer, listen } from '../support/auth-app.ts';
import { type AuthHarness, startAuthHarness } from '../support/auth-harness.ts';
import type { IssuerFault } from '../support/auth-issuer.ts';
import { createSigningKey } from '../support/auth-keys.ts';
import { startStopwatch } from '../support/stopwatch.ts';
import { until } from '../support/until.ts';

const MINUTE_MS = 60_000;

let harness: AuthHarness;
beforeEach(async () => {
  harness = await startAuthHarness();
});
afterEach(() => harness.close());

async function expectUnavailable(token = harness.token()): Promise<void> {
  const waitedMs = startStopwatch();
  const answer = await harness.ask(token, 'refused');
  expect(waitedMs()).toBeLessThan(2_000);
  expect(answer.status).toBe(503);
  expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
  expect(JSON.parse(answer.body)).toMatchObject({ code: 'upstream_unavailable' });
  expect(harness.app.runs('refused')).toBe(0);
}

async function expectAccepted(token = harness.token()): Promise<void> {
  expect((await harness.ask(token)).status).toBe(200);
}

async function expectInvalid(token: string): Promise<void> {
  expect((await harness.ask(token, 'refused')).status).toBe(401);
  expect(harness.app.runs('refused')).toBe(0);
}

describe('a2 key set, nothing cached yet', () => {
  it.each<[string, IssuerFault]>([
    ['a2-1 connection reset', 'reset'],
    ['a2-2 status 500', 'error'],
    ['a2-3 HTML', 'html'],
    ['a2-4 an empty set', 'empty'],
    ['a2-5 no answer', 'hang'],
    ['a2-16 a set of 5 MB', 'huge'],
    ['half an answer', 'half'],
  ])('%s is 503, and 200 as soon as it works', async (_title, fault) => {
    harness.issuer.fault = fault;
    const rssBefore = process.memoryUsage.rss();
    await expectUnavailable();
    expect(process.memoryUsage.rss() - rssBefore).toBeLessThan(20 * 1_048_576);
    expect(harness.verifier.keySetState()).toBe('down');
    harness.issuer.fault = 'none';
    harness.clock.advance(1_000);
    await expectAccepted();
    expect(harness.verifier.keySetState()).toBe('ok');
  });

  it('a2-6 a redirect to another host is not followed', async () => {
    let followed = 0;
    const other = createServer((_req, res) => {
      followed += 1;
      res.end(JSON.stringify({ keys: harness.issuer.keys }));
    });
    await listen(other);
    harness.issuer.fault = 'redirect';
    harness.issuer.redirectTo = `http://127.0.0.1:${(other.address() as AddressInfo).port}/`;
    await expectUnavailable();
    expect(followed).toBe(0);
    await closeServer(other);
  });

  it('a2-13 1,000 tokens while it fails cost at most 5 fetches, one at a time', async () => {
    harness.issuer.fault = 'error';
    harness.issuer.delayMs = 20;
    const tokens = Array.from({ length: 1_000 }, () => harness.token());
    const verdicts = await Promise.all(
      tokens.map((token) =>
        harness.verifier.verify(token).then(
          () => 200,
          (error) => error.status,
        ),
      ),
    );
    expect(new Set(verdicts)).toEqual(new Set([503]));
    expect(harness.issuer.fetches()).toBeLessThanOrEqual(5);
    expect(harness.issuer.mostAtOnce()).toBe(1);
  });

  it('waits longer from failure to failure, up to the cooldown', async () => {
    harness.issuer.fault = 'error';
    for (const [advanceMs, fetches] of [
      [0, 1],
      [999, 1],
      [1, 2],
      [1_999, 2],
      [1, 3],
      [3_999, 3],
      [1, 4],
      [4_999, 4],
      [1, 5],
    ] as const) {
      harness.clock.advance(advanceMs);
      await expectUnavailable();
      expect(harness.issuer.fetches()).toBe(fetches);
    }
  });
});

describe('a2 key set, warm', () => {
  beforeEach(() => harness.verifier.warm());

  it('a2-7 an issuer that is down is not missed', async () => {
    harness.issuer.fault = 'reset';
    harness.clock.advance(9 * MINUTE_MS);
    await expectAccepted();
    expect(harness.issuer.fetches()).toBe(1);
  });

  it('a2-8 old keys serve up to one hour while it is down, then 503', async () => {
    harness.issuer.fault = 'error';
    harness.clock.advance(10 * MINUTE_MS);
    await expectAccepted();
    expect(harness.verifier.keySetState()).toBe('degraded');
    harness.clock.advance(49 * MINUTE_MS);
    await expectAccepted();
    harness.clock.advance(MINUTE_MS);
    await expectUnavailable();
    expect(harness.verifier.keySetState()).toBe('down');
    harness.issuer.fault = 'none';
    harness.clock.advance(5_000);
    await expectAccepted();
  });

  it('waits for a hanging issuer once, not once a request', async () => {
    harness.issuer.fault = 'error';
    harness.clock.advance(10 * MINUTE_MS);
    await expectAccepted();
    harness.issuer.fault = 'hang';
    harness.clock.advance(6_000);
    const waitedMs = startStopwatch();
    for (let i = 0; i < 5; i += 1) await expectAccepted();
    expect(waitedMs()).toBeLessThan(1_000);
    await until(() => harness.issuer.fetches() === 3);
  });

  it('a2-9 a rotation with both keys published refuses nobody', async () => {
    harness.issuer.keys = [harness.nextKey.jwk, harness.key.jwk];
    harness.clock.advance(10_000);
    // Signed ahead: a thousand signatures in one go would hold the fetch of the keys up past its deadline.
    const tokens = Array.from({ length: 1_000 }, (_, i) =>
      harness.token({}, {}, i % 2 === 0 ? harness.key : harness.nextKey),
    );
    const verdicts = await Promise.all(
      tokens.map((token) =>
        harness.verifier.verify(token).then(
          () => 200,
          (error) => error.status,
        ),
      ),
    );
    expect(new Set(verdicts)).toEqual(new Set([200]));
    expect(harness.issuer.fetches()).toBe(2);
  });

  it('a2-10 after a rotation without overlap the new key works within the cooldown', async () => {
    harness.issuer.keys = [harness.nextKey.jwk];
    const token = harness.token({}, {}, harness.nextKey);
    await expectInvalid(token);
    harness.clock.advance(5_000);
    await expectAccepted(token);
  });

  it('a2-11 a removed key is refused after ten minutes', async () => {
    harness.issuer.keys = [harness.nextKey.jwk];
    harness.clock.advance(10 * MINUTE_MS - 1);
    await expectAccepted();
    harness.clock.advance(1);
    await expectInvalid(harness.token());
  });

  it('a2-12 1,000 unknown keys cost one fetch a cooldown and turn no valid token away', async () => {
    harness.clock.advance(5_000);
    const flood = Array.from({ length: 1_000 }, (_, i) => harness.token({}, { kid: `random-${i}` }));
    const verdicts = await Promise.all(
      flood.map((token) =>
        harness.verifier.verify(token).then(
          () => 200,
          (error) => error.status,
        ),
      ),
    );
    expect(new Set(verdicts)).toEqual(new Set([401]));
    expect(harness.issuer.fetches()).toBe(2);
    await expectAccepted();
    harness.clock.advance(4_999);
    await expectInvalid(flood[0] as string);
    expect(harness.issuer.fetches()).toBe(2);
  });

  it('a token that comes once waits for a key that was made just after a fetch', async () => {
    const { nextKey, verifier } = harness;
    harness.issuer.keys = [nextKey.jwk];
    const asked = verifier.keySet.candidatesFor(nextKey, { onlyChance: true });
    const token = harness.token({}, {}, nextKey);
    await expectInvalid(token);
    expect(harness.issuer.fetches()).toBe(1);
    harness.clock.advance(5_000);
    await expectAccepted(token);
    expect(await asked).toMatchObject([{ kid: nextKey.kid }]);
    expect(harness.issuer.fetches()).toBe(2);
  });

  it('1,000 unknown keys that ask to wait cost one fetch as well, and keep 64 waiting', async () => {
    const statuses: number[] = [];
    const ask = async (kid: string) => {
      const asked = harness.verifier.keySet.candidatesFor({ kid, alg: 'ES384' }, { onlyChance: true });
      await Promise.resolve(asked).catch(({ status }) => statuses.push(status));
    };
    const flood = Array.from({ length: 1_000 }, (_, i) => ask(`random-${i}`));
    await until(() => statuses.length === 936);
    expect(new Set(statuses)).toEqual(new Set([503]));
    expect(harness.issuer.fetches()).toBe(1);
    harness.clock.advance(5_000);
    await Promise.all(flood);
    expect(statuses.slice(936)).toEqual(Array.from({ length: 64 }, () => 401));
    expect(harness.issuer.fetches()).toBe(2);

    harness.clock.advance(5_000);
    await ask('later');
    expect(statuses.at(-1)).toBe(401);
  });

  it('an unknown key while the issuer is down is 503: it may be the new one', async () => {
    harness.issuer.fault = 'error';
    harness.clock.advance(5_000);
    await expectUnavailable(harness.token({}, {}, harness.nextKey));
    await expectAccepted();
  });

  it('a clock that was set back does not freeze the set', async () => {
    harness.clock.advance(-MINUTE_MS);
    await expectAccepted(harness.token());
    expect(harness.issuer.fetches()).toBe(2);
  });
});

describe('a2 odd key sets', () => {
  it('a2-14 two keys with one kid are both tried', async () => {
    const twin = createSigningKey('ES384', harness.key.kid);
    harness.issuer.keys = [twin.jwk, harness.key.jwk];
    await expectAccepted();
    await expectAccepted(harness.token({}, {}, twin));
    await expectInvalid(harness.token({}, {}, createSigningKey('ES384', harness.key.kid)));
  });

  it('of many keys with one kid four are tried', async () => {
    const twins = Array.from({ length: 4 }, () => createSigningKey('ES384', harness.key.kid));
    harness.issuer.keys = [...twins.map((twin) => twin.jwk), harness.key.jwk];
    await expectAccepted(harness.token({}, {}, twins[3]));
    await expectInvalid(harness.token());
  });

  it('a2-15 malformed and foreign keys beside a good one are passed over', async () => {
    const { jwk } = createSigningKey('ES384', 'broken');
    harness.issuer.keys = [
      null,
      'key',
      {},
      { ...jwk, x: undefined },
      { ...jwk, x: 'AAAA' },
      { ...jwk, kid: undefined },
      { ...jwk, kid: '' },
      { ...jwk, crv: 'P-999' },
      { ...jwk, crv: 7 },
      { ...jwk, key_ops: ['sign'] },
      { ...jwk, key_ops: 'verify' },
      { ...jwk, use: 'enc' },
      { ...jwk, alg: 'ES256' },
      { kty: 'oct', k: 'c2VjcmV0', kid: 'secret' },
      { kty: 'OKP', crv: 'Ed25519', x: 'AAAA', kid: 'ed' },
      { ...harness.key.jwk, key_ops: ['verify'] },
    ];
    await expectAccepted();
    await expectInvalid(harness.token({}, { kid: 'broken' }));
  });

  it.each(['ES384', 'RS256'] as const)('a private %s key signs for everybody, so for nobody', async (alg) => {
    const key = createSigningKey(alg);
    harness.issuer.keys = [harness.key.jwk, { ...key.jwk, d: key.privateKey.export({ format: 'jwk' }).d }];
    await expectInvalid(harness.token({}, {}, key));
    await expectAccepted();
    harness.issuer.keys = [harness.key.jwk, key.jwk];
    harness.clock.advance(5_000);
    await expectAccepted(harness.token({}, {}, key));
  });

  it('an RSA key without alg works, one of 1,024 bits does not', async () => {
    const rsa = createSigningKey('RS256');
    const { generateKeyPairSync } = await import('node:crypto');
    const weak = generateKeyPairSync('rsa', { modulusLength: 1_024 });
    const weakKey = { ...rsa, kid: 'weak', privateKey: weak.privateKey };
    harness.issuer.keys = [rsa.jwk, { ...weak.publicKey.export({ format: 'jwk' }), kid: 'weak' }];
    expect(rsa.jwk.alg).toBeUndefined();
    await expectAccepted(harness.token({}, {}, rsa));
    await expectInvalid(harness.token({}, {}, weakKey));
  });

  it('a document that is no key set is 503', async () => {
    harness.issuer.discovery.document = {
      issuer: harness.issuer.issuer,
      jwks_uri: `${harness.issuer.issuer}/jwks`,
    };
    harness.issuer.keys = 'none' as unknown as unknown[];
    await expectUnavailable();
    harness.issuer.fault = 'null';
    harness.clock.advance(5_000);
    await expectUnavailable();
  });

  it('whatever breaks while fetching is an outage, not a bad token', async () => {
    const keySet = createKeySet({
      fetchKeys: () => Promise.reject(new TypeError('broken')),
      clock: harness.clock,
    });
    await expect(keySet.candidatesFor({ kid: 'any', alg: 'ES384' })).rejects.toThrow(UpstreamUnavailable);
    expect(keySet.state()).toBe('down');
  });
});

describe('discovery', () => {
  it('is asked once', async () => {
    await expectAccepted();
    harness.clock.advance(11 * MINUTE_MS);
    await expectAccepted(harness.token());
    expect(harness.issuer.discoveries()).toBe(1);
    expect(harness.issuer.fetches()).toBe(2);
  });

  it('is asked again when the keys have moved away', async () => {
    await harness.verifier.warm();
    const moved = await startAuthHarness();
    moved.issuer.keys = [harness.nextKey.jwk];
    harness.issuer.fault = 'error';
    harness.issuer.discovery.document = { issuer: harness.issuer.issuer, jwks_uri: moved.issuer.jwksUri };
    harness.clock.advance(5_000);
    await expectUnavailable(harness.token({}, {}, harness.nextKey));
    harness.clock.advance(5_000);
    await expectAccepted(harness.token({}, {}, harness.nextKey));
    expect(harness.issuer.discoveries()).toBe(2);
    await moved.close();
  });

  it.each<[string, unknown]>([
    ['of another issuer', { issuer: 'https://evil.example/oidc', jwks_uri: 'https://evil.example/jwks' }],
    ['without an issuer', { jwks_uri: 'https://evil.example/jwks' }],
    ['without a key set', { issuer: 'SELF' }],
    [
      'with a key set over plain http on another host',
      { issuer: 'SELF', jwks_uri: 'http://evil.example/jwks' },
    ],
    ['that is null', null],
  ])('a document %s is 503', async (_title, document) => {
    const text = JSON.stringify(document).replace('SELF', harness.issuer.issuer);
    harness.issuer.discovery.document = JSON.parse(text);
    await expectUnavailable();
    expect(harness.issuer.fetches()).toBe(0);
  });

  it('is skipped when the address is given', async () => {
    const direct = await startAuthHarness();
    const other = await startAuthHarness({ issuers: [direct.issuer.issuer], jwksUri: direct.issuer.jwksUri });
    expect((await other.ask(direct.token())).status).toBe(200);
    expect(direct.issuer.discoveries()).toBe(0);
    await Promise.all([direct.close(), other.close()]);
  });
});
