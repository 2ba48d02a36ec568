import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createVerifier } from '../../src/auth/verifier.ts';
import {
  closeServer,
  listen,
  manualClock,
  type ProbeApp,
  silentLog,
  startProbeApp,
} from '../support/auth-app.ts';
import { startTestIssuer, type TestIssuer } from '../support/auth-issuer.ts';
import { ALGORITHMS, type Algorithm } from '../support/auth-keys.ts';
import { allVectors } from '../support/auth-vectors/all.ts';
import { bearer, createKit, type Kit, publishedKeys, type Vector } from '../support/auth-vectors/kit.ts';
import { type RawAnswer, sendRaw } from '../support/http-raw.ts';

const AUDIENCE = 'http://localhost:3000/api';
const NOW_SECONDS = 1_900_000_000;

type Configuration = { alg: Algorithm; organizationAudience: boolean };
const configurations: Configuration[] = [
  ...ALGORITHMS.map((alg) => ({ alg, organizationAudience: false })),
  { alg: 'ES384', organizationAudience: true },
];

/** How many vectors each family of the catalogue has. */
const CATALOGUE = {
  control: 18,
  either: 13,
  credentials: 20,
  structure: 24,
  algorithm: 32,
  signature: 17,
  'key-injection': 28,
  'token-type': 13,
  'issuer-audience': 27,
  time: 15,
  subject: 9,
};

/** Names only: the tokens themselves need a running issuer. */
const namesOf = (configuration: Configuration) =>
  allVectors(
    createKit({
      ...configuration,
      issuer: 'http://127.0.0.1/oidc',
      audience: AUDIENCE,
      nowSeconds: NOW_SECONDS,
      canary: 'http://127.0.0.1',
    }),
  ).map(({ id, title, verdict }) => ({ id, title, verdict }));

let canaryHits = 0;
const canary = createServer((_req, res) => {
  canaryHits += 1;
  res.end('{"keys":[]}');
});
beforeAll(() => listen(canary));
afterAll(() => closeServer(canary));

describe.each(configurations)(
  'a1 token vectors, $alg, organization audiences: $organizationAudience',
  (configuration) => {
    let issuer: TestIssuer;
    let cached: ProbeApp;
    let uncached: ProbeApp;
    let kit: Kit;
    let good: string[];
    const clock = manualClock(NOW_SECONDS);
    const vectors = new Map<string, Vector>();

    beforeAll(async () => {
      issuer = await startTestIssuer([]);
      issuer.keys = publishedKeys(configuration.alg);
      const canaryUrl = `http://127.0.0.1:${(canary.address() as AddressInfo).port}`;
      kit = createKit({
        ...configuration,
        issuer: issuer.issuer,
        audience: AUDIENCE,
        nowSeconds: NOW_SECONDS,
        canary: canaryUrl,
      });
      good = bearer(kit.token());
      for (const vector of allVectors(kit)) vectors.set(vector.id, vector);
      const start = (tokenCacheTtlMs: number) =>
        startProbeApp(
          createVerifier({
            issuers: [issuer.issuer],
            audiences: [AUDIENCE],
            algorithms: [configuration.alg],
            organizationAudience: configuration.organizationAudience,
            defaultTenant: 'default',
            tokenCacheTtlMs,
            clock,
            log: silentLog,
          }),
        );
      [cached, uncached] = await Promise.all([start(30_000), start(0)]);
    });
    afterAll(async () => {
      await Promise.all([cached.close(), uncached.close(), issuer.close()]);
    });

    const names = namesOf(configuration);
    it('are at least as many as the catalogue has, family by family', () => {
      expect(new Set(names.map(({ id }) => id)).size).toBe(names.length);
      for (const [family, least] of Object.entries(CATALOGUE)) {
        const found = names.filter(({ id }) => id.replace(/-\d+$/, '') === family).length;
        expect([family, found >= least]).toEqual([family, true]);
      }
    });

    it.each(names)('a1 $id $title: $verdict', async ({ id }) => {
      const vector = vectors.get(id) as Vector;
      const send = (app: ProbeApp) =>
        sendRaw(app.port, {
          method: vector.method ?? 'GET',
          path: `/probe/${id}${vector.query ?? ''}`,
          headers: vector.headers,
          body: vector.body ?? '',
        });
      // Twice with the cache: what the first one left behind must not change the second.
      const twice = async () => [await send(cached), await send(cached)];
      const answers = (await Promise.all([twice(), send(uncached)])).flat();
      const runs = cached.runs(id) + uncached.runs(id);
      for (const answer of answers) expect(answer.status).toBeLessThan(500);
      expect(new Set(answers.map(({ status }) => status)).size).toBe(1);
      if (vector.verdict === 'accept') {
        expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
        expect(runs).toBe(3);
      }
      if (vector.verdict === 'refuse') {
        expect(runs).toBe(0);
        for (const answer of answers) expectRefusal(answer, vector.statuses ?? [401]);
        // Its twin: the same server takes a good token at once.
        const twin = await sendRaw(cached.port, { path: `/probe/${id}`, headers: good });
        expect([twin.status, cached.runs(id)]).toEqual([200, 1]);
      }
    });

    it('a1 a token that has expired since is refused, kept or not', async () => {
      const token = kit.token({ payload: kit.claims({ exp: NOW_SECONDS + 10 }) });
      const ask = async () => {
        const request = { path: '/probe/expiring', headers: bearer(token) };
        return Promise.all([cached, uncached].map(async ({ port }) => (await sendRaw(port, request)).status));
      };
      expect(await ask()).toEqual([200, 200]);
      clock.advance(16_000);
      expect(await ask()).toEqual([401, 401]);
      expect(cached.runs('expiring') + uncached.runs('expiring')).toBe(2);
      clock.advance(-16_000);
    });

    it('never asked the canary for anything, and the issuer twice for its keys', () => {
      expect(canaryHits).toBe(0);
      expect(issuer.fetches()).toBeLessThanOrEqual(4);
    });
  },
);

const DESCRIPTIONS = [
  'Bearer realm="api"',
  'Bearer realm="api", error="invalid_request"',
  'Bearer realm="api", error="invalid_token", error_description="invalid"',
  'Bearer realm="api", error="invalid_token", error_description="expired"',
];
const HINTED =
  /^Bearer realm="api", error="invalid_token", error_description="(opaque token: ask|exchange this token)[^"]+"$/;

function expectRefusal(answer: RawAnswer, statuses: readonly number[]): void {
  expect(statuses).toContain(answer.status);
  if (answer.status === 431) return;
  expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
  expect(answer.headers['x-request-id']).toBeTruthy();
  const problem = JSON.parse(answer.body) as Record<string, unknown>;
  expect(problem).toMatchObject({ status: answer.status, instance: answer.headers['x-request-id'] });
  const members = Object.keys(problem).filter((name) => name !== 'detail');
  expect(members).toEqual(['type', 'title', 'status', 'code', 'instance']);
  if (answer.status === 403) return;
  const challenge = answer.headers['www-authenticate'] ?? '';
  if (!HINTED.test(challenge)) expect(DESCRIPTIONS).toContain(challenge);
}
