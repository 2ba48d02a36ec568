import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { type Child, startChild } from './child.ts';
import { type LoadResult, load, median } from './load.ts';
import { measureApplication } from './permission-app.ts';
import type { Variant } from './permission-server.ts';

const VARIANTS: readonly Variant[] = ['bare', 'guide', 'peer', 'fresh', 'cached'];
const LABELS: Record<Variant, string> = {
  bare: 'bare Express',
  guide: 'jose + permit.check (the guide)',
  peer: 'express-oauth2-jwt-bearer + permit.check',
  fresh: 'ours, every decision fresh',
  cached: 'ours, decision cache on',
};
const ISSUER = 'https://issuer.example/oidc';
const AUDIENCE = 'http://localhost:3000/api';
const CONNECTIONS = 50;

type Row = Record<string, string | number | boolean>;
type Measured = LoadResult & { pdpCallsPerRequest: number; cpuMicros: number };

/**
 * Authorization side by side: the same handler behind each way of guarding it. Server, decision point and load
 * are processes of their own, and rounds are interleaved, so that a slow minute hits everybody.
 *
 * `BENCH_SECONDS` (3) a measurement, `BENCH_ROUNDS` (5) of the main comparison, `BENCH_GRID=0` leaves the grid out.
 */
export async function run(): Promise<{ name: string; rows: Row[] }> {
  const seconds = Number(process.env.BENCH_SECONDS ?? 3);
  const rounds = Number(process.env.BENCH_ROUNDS ?? 5);
  const { jwks, tokens } = await mint(10_000);
  let pdp = await startChild('permission-pdp.ts', { jwks, delayMs: 1 });
  const pdpUrl = String(pdp.ready.url);
  const servers = new Map<Variant, Child>();
  try {
    for (const variant of VARIANTS) {
      servers.set(
        variant,
        await startChild('permission-server.ts', { variant, pdpUrl, issuer: ISSUER, audience: AUDIENCE }),
      );
    }
    const measure = async (
      variant: Variant,
      some: readonly string[],
      forSeconds: number,
    ): Promise<Measured> => {
      const url = String(servers.get(variant)?.ready.url);
      const cpuUrl = new URL('/cpu', url).href;
      const [calls, cpu] = [await numberAt(`${pdpUrl}/calls`), await numberAt(cpuUrl)];
      const result = await load({ url, connections: CONNECTIONS, seconds: forSeconds, tokens: some });
      const pdpCalls = (await numberAt(`${pdpUrl}/calls`)) - calls;
      return {
        ...result,
        pdpCallsPerRequest: Math.round((1000 * pdpCalls) / result.answers) / 1000,
        cpuMicros: Math.round((10 * ((await numberAt(cpuUrl)) - cpu)) / result.answers) / 10,
      };
    };

    const rows = [...(await compare(measure, tokens.slice(0, 100), rounds, seconds))];
    if (process.env.BENCH_GRID !== '0') rows.push(...(await grid(measure, tokens, pdpUrl)));
    const ours = String(servers.get('fresh')?.ready.url);
    const bare = await measure('bare', tokens.slice(0, 100), seconds);
    rows.push(...(await outage(ours, tokens.slice(0, 100), bare)));
    const whole = await measureApplication({ connections: CONNECTIONS, seconds });
    const { requestsPerSecond, p50Ms, p99Ms, unexpected } = whole;
    const ofBare = ratio(requestsPerSecond, bare.requestsPerSecond);
    rows.push({
      case: 'the whole application, everything on',
      tokens: 100,
      requestsPerSecond,
      ofBare,
      p50Ms,
      p99Ms,
      unexpected,
    });
    return { name: 'permission', rows };
  } finally {
    for (const child of [...servers.values(), pdp]) await child.stop();
  }

  /** The decision point dies and comes back: what callers get meanwhile, and for how long afterwards. */
  async function outage(url: string, some: readonly string[], bare: LoadResult): Promise<Row[]> {
    const ask = async () => {
      const startedAt = performance.now();
      const { status } = await fetch(url, { headers: { authorization: `Bearer ${some[0]}` } });
      return { status, tookMs: Math.round(performance.now() - startedAt) };
    };
    await pdp.stop();
    const first = await ask();
    const down = await load({ url, connections: CONNECTIONS, seconds, tokens: some, expect: [503] });
    pdp = await startChild('permission-pdp.ts', { jwks, delayMs: 1, port: Number(new URL(pdpUrl).port) });
    const backAt = performance.now();
    while ((await ask()).status !== 200 && performance.now() - backAt < 10_000);
    return [
      {
        case: 'ours, PDP down',
        tokens: some.length,
        pdpMs: 'down',
        requestsPerSecond: down.requestsPerSecond,
        ofBare: ratio(down.requestsPerSecond, bare.requestsPerSecond),
        p50Ms: down.p50Ms,
        p99Ms: down.p99Ms,
        unexpected: down.unexpected,
        firstAnswer: `${first.status} after ${first.tookMs} ms`,
        recoveredAfterMs: Math.round(performance.now() - backAt),
      },
    ];
  }
}

type Measure = (variant: Variant, tokens: readonly string[], seconds: number) => Promise<Measured>;

async function compare(
  measure: Measure,
  tokens: readonly string[],
  rounds: number,
  seconds: number,
): Promise<Row[]> {
  const found = new Map<Variant, Measured[]>(VARIANTS.map((variant) => [variant, []]));
  for (const variant of VARIANTS) await measure(variant, tokens, 1);
  for (let round = 0; round < rounds; round += 1) {
    for (const variant of VARIANTS) found.get(variant)?.push(await measure(variant, tokens, seconds));
  }
  const middle = (variant: Variant, of: keyof Measured) =>
    median((found.get(variant) ?? []).map((one) => one[of]));
  return VARIANTS.map((variant) => ({
    case: LABELS[variant],
    tokens: tokens.length,
    pdpMs: 1,
    requestsPerSecond: middle(variant, 'requestsPerSecond'),
    ofBare: ratio(middle(variant, 'requestsPerSecond'), middle('bare', 'requestsPerSecond')),
    ofGuide: ratio(middle(variant, 'requestsPerSecond'), middle('guide', 'requestsPerSecond')),
    cpuMicros: middle(variant, 'cpuMicros'),
    cpuOfBare: ratio(middle('bare', 'cpuMicros'), middle(variant, 'cpuMicros')),
    p50Ms: middle(variant, 'p50Ms'),
    p99Ms: middle(variant, 'p99Ms'),
    pdpCallsPerRequest: middle(variant, 'pdpCallsPerRequest'),
    unexpected: middle(variant, 'unexpected'),
  }));
}

async function grid(measure: Measure, tokens: readonly string[], pdpUrl: string): Promise<Row[]> {
  const rows: Row[] = [];
  for (const pdpMs of [0, 1, 20]) {
    await fetch(`${pdpUrl}/delay/${pdpMs}`);
    for (const count of [1, 100, 10_000]) {
      const some = tokens.slice(0, count);
      const perSecond: Partial<Record<Variant, number>> = {};
      for (const variant of VARIANTS) {
        // Warm: ours remembers verified tokens, and has to see each of them once.
        if (variant === 'fresh' || variant === 'cached') await measure(variant, some, count > 1000 ? 6 : 1);
        const result = await measure(variant, some, 2);
        perSecond[variant] = result.requestsPerSecond;
        const { requestsPerSecond, p50Ms, p99Ms, pdpCallsPerRequest, unexpected } = result;
        rows.push({
          case: LABELS[variant],
          tokens: count,
          pdpMs,
          requestsPerSecond,
          ofBare: ratio(requestsPerSecond, perSecond.bare ?? 0),
          ofGuide: ratio(requestsPerSecond, perSecond.guide ?? requestsPerSecond),
          p50Ms,
          p99Ms,
          pdpCallsPerRequest,
          unexpected,
        });
      }
    }
  }
  await fetch(`${pdpUrl}/delay/1`);
  return rows;
}

function ratio(value: number, of: number): number {
  return of === 0 ? 0 : Math.round((1000 * value) / of) / 1000;
}

async function numberAt(url: string): Promise<number> {
  return Number(await (await fetch(url)).text());
}

async function mint(count: number): Promise<{ jwks: unknown; tokens: string[] }> {
  const { publicKey, privateKey } = await generateKeyPair('ES384');
  const jwk = { ...(await exportJWK(publicKey)), kid: 'bench', alg: 'ES384', use: 'sig' };
  const tokens = await Promise.all(
    Array.from({ length: count }, (_, n) =>
      new SignJWT({ client_id: 'app', scope: 'read:reports' })
        .setProtectedHeader({ alg: 'ES384', typ: 'at+jwt', kid: 'bench' })
        .setSubject(`user${n}`)
        .setIssuer(ISSUER)
        .setAudience(AUDIENCE)
        .setIssuedAt()
        .setExpirationTime('2h')
        .setJti(String(n))
        .sign(privateKey),
    ),
  );
  return { jwks: { keys: [jwk] }, tokens };
}
