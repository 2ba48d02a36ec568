import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import type { Contender } from './auth-server.ts';
import { type Child, startChild } from './child.ts';
import { median } from './load.ts';

const LABELS: Record<Contender, string> = {
  bare: 'bare Express',
  ours: 'ours',
  jose: 'jose on every request',
  peer: 'express-oauth2-jwt-bearer',
};
const CONTENDERS = Object.keys(LABELS) as Contender[];
const TEMPERATURES = ['warm', 'cold'] as const;
const AUDIENCE = 'http://localhost:3000/api';

type Round = { requestsPerSecond: number; p50Ms: number; p99Ms: number; unexpected: number };
type Temperature = (typeof TEMPERATURES)[number];
type Measured = Record<Contender, Round[]>;
type Row = Record<string, string | number | boolean>;

/**
 * Authentication only, ES384: the same handler behind each way of verifying a bearer token, with one token that comes
 * again and again (warm) and with tokens that nobody has seen (cold). Every server and the load have processes of
 * their own; within a round the contenders take turns, and ratios are made within rounds.
 *
 * `BENCH_SECONDS` (3) a measurement, `BENCH_ROUNDS` (5), `BENCH_COLD_TOKENS` (2000) a cold measurement.
 */
export async function run(): Promise<{ name: string; rows: Row[] }> {
  const rounds = Number(process.env.BENCH_ROUNDS ?? 5);
  const seconds = Number(process.env.BENCH_SECONDS ?? 3);
  const coldTokens = Number(process.env.BENCH_COLD_TOKENS ?? 2_000);
  const issuer = await startIssuer();
  const servers = new Map<Contender, Child>();
  const measured: Record<Temperature, Measured> = { warm: noRounds(), cold: noRounds() };
  try {
    for (const contender of CONTENDERS) {
      const { issuer: name, jwksUri } = issuer;
      servers.set(
        contender,
        await startChild('auth-server.ts', { contender, issuer: name, jwksUri, audience: AUDIENCE }),
      );
    }
    const urlOf = (contender: Contender) => String(servers.get(contender)?.ready.url);
    const warm = await issuer.tokens(1);
    for (const contender of CONTENDERS) await load(urlOf(contender), 1, warm);
    for (let round = 0; round < rounds; round += 1) {
      for (const contender of CONTENDERS) {
        measured.warm[contender].push(await load(urlOf(contender), seconds, warm));
      }
      for (const contender of CONTENDERS) {
        measured.cold[contender].push(await load(urlOf(contender), seconds, await issuer.tokens(coldTokens)));
      }
    }
  } finally {
    for (const server of servers.values()) await server.stop();
    issuer.close();
  }
  return { name: 'auth', rows: [...rowsOf('warm', measured.warm), ...rowsOf('cold', measured.cold)] };
}

async function startIssuer() {
  const { privateKey, publicKey } = await generateKeyPair('ES384');
  const jwk = { ...(await exportJWK(publicKey)), kid: 'bench', alg: 'ES384', use: 'sig' };
  const server = createServer((_req, res) => {
    res.setHeader('content-type', 'application/json').end(JSON.stringify({ keys: [jwk] }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}/oidc`;
  let count = 0;
  const token = () => {
    count += 1;
    return new SignJWT({ client_id: 'webapp', scope: 'read:reports write:reports', jti: `bench-${count}` })
      .setProtectedHeader({ alg: 'ES384', typ: 'at+jwt', kid: 'bench' })
      .setIssuer(issuer)
      .setAudience(AUDIENCE)
      .setSubject('alice0000001')
      .setIssuedAt()
      .setExpirationTime('1h')
      .sign(privateKey);
  };
  return {
    issuer,
    jwksUri: `${issuer}/jwks`,
    tokens: (amount: number) => Promise.all(Array.from({ length: amount }, token)),
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

async function load(url: string, seconds: number, tokens: readonly string[]): Promise<Round> {
  const script = join(import.meta.dirname, 'auth-load.ts');
  const child = spawn(process.execPath, [script, url, String(seconds)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  child.stdin.end(tokens.join('\n'));
  const round = JSON.parse(await text(child.stdout)) as Round;
  if (round.unexpected > 0) throw new Error(`${url} refused ${round.unexpected} good requests`);
  return round;
}

function noRounds(): Measured {
  return { bare: [], ours: [], jose: [], peer: [] };
}

function rowsOf(temperature: Temperature, measured: Measured): Row[] {
  return CONTENDERS.map((contender) => ({
    case: `${LABELS[contender]}, ${temperature} tokens`,
    requestsPerSecond: median(measured[contender].map((round) => round.requestsPerSecond)),
    p50Ms: median(measured[contender].map((round) => round.p50Ms)),
    p99Ms: median(measured[contender].map((round) => round.p99Ms)),
    ofBare: ratio(measured[contender], measured.bare),
    ofJose: ratio(measured[contender], measured.jose),
  }));
}

/** Median of the ratios within each round. */
function ratio(ours: readonly Round[], theirs: readonly Round[]): number {
  const ratios = ours.map(
    (round, i) => round.requestsPerSecond / (theirs[i]?.requestsPerSecond ?? Number.NaN),
  );
  return Math.round(median(ratios) * 100) / 100;
}
