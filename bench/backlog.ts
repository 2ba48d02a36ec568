import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createPostgresDatabase } from '../test/support/database.ts';
import type { BacklogServerOptions } from './backlog-server.ts';
import { startChild } from './child.ts';
import type { PacedLoad } from './paced-load.ts';

type Row = Record<string, string | number | boolean>;
type Paced = { calls: number; unexpected: number; p50Ms: number; p99Ms: number; tookSeconds: number };
type Stats = { backlog: number; dead: number; cpuSeconds: number; peakRssMb: number; rssMb: number };
type Place = { name: string; database: BacklogServerOptions['database']; drop(): Promise<void> | void };

const PER_SECOND = 20;
const IDLE_SECONDS = 30;
const NEAR_MS = 1;
const FAR_MS = 20;
/** Users whose letters are worked while Permit is far away. */
const FAR_USERS = 1_000;

/**
 * An application that works off letters which were stored before, while twenty calls a second read a protected
 * route: how long it takes, whether one is lost, and what callers feel. Logto, Permit.io and the callers are
 * processes of their own. `BENCH_BACKLOG` letters (10000; 100000 take more than ten minutes), embedded and on the
 * Postgres of `BENCH_DATABASE_URL` or `TEST_DATABASE_URL`; `BENCH_ON` (`embedded` or `Postgres`) for one of them.
 */
export async function run(): Promise<{ name: string; rows: Row[] }> {
  const letters = Number(process.env.BENCH_BACKLOG ?? 10_000);
  const only = process.env.BENCH_ON;
  const rows: Row[] = [];
  for (const open of [embedded, onPostgres]) {
    for (const [count, delayMs] of [
      [letters, NEAR_MS],
      [FAR_USERS, FAR_MS],
    ] as const) {
      const place = await open();
      if (!place || (only && only !== place.name)) continue;
      try {
        rows.push(await drain(place, count, delayMs));
      } finally {
        await place.drop();
      }
    }
  }
  return { name: 'backlog', rows };
}

async function embedded(): Promise<Place> {
  const dataDir = mkdtempSync(join(tmpdir(), 'elp-bench-'));
  return {
    name: 'embedded',
    database: { dataDir },
    drop: () => rmSync(dataDir, { recursive: true, force: true }),
  };
}

async function onPostgres(): Promise<Place | undefined> {
  const url = process.env.BENCH_DATABASE_URL ?? process.env.TEST_DATABASE_URL;
  if (!url) return undefined;
  const place = await createPostgresDatabase(url);
  return { name: 'Postgres', database: { url: place.url }, drop: place.drop };
}

async function drain(place: Place, letters: number, permitMs: number): Promise<Row> {
  const logto = await startChild('sync-emulators.ts', { only: 'logto', users: letters });
  const permit = await startChild('sync-emulators.ts', { only: 'permit', users: 0 });
  const front = await startChild('permit-front.ts', { permitUrl: permit.ready.url, delayMs: permitMs });
  const logtoUrl = String(logto.ready.url);
  const common = {
    logtoUrl,
    permitUrl: String(front.ready.url),
    permitKey: String(permit.ready.key),
    database: place.database,
  };
  const children = [logto, permit, front];
  try {
    const filler = await startChild('backlog-server.ts', { ...common, fill: letters });
    await filler.stop();
    if (filler.ready.stored !== letters) throw new Error(`${filler.ready.stored} letters were stored`);
    const server = await startChild('backlog-server.ts', common);
    children.push(server);
    const url = String(server.ready.url);
    const ask = async (path: string) => (await (await fetch(`${url}/bench/${path}`)).json()) as Stats;
    const load: PacedLoad = {
      url: `${url}/api/reports`,
      token: await tokenOf(logtoUrl),
      perSecond: PER_SECOND,
    };

    await paced({ ...load, seconds: 5 });
    await ask('reset');
    const before = await ask('stats');
    await ask('resume');
    const busy = await paced({ ...load, untilDrained: `${url}/bench/stats` });
    const after = await ask('stats');
    // Afterwards, when there is nothing left to do: before, the jobs of the letters that were stored are taken off.
    const idle = await paced({ ...load, seconds: IDLE_SECONDS });
    const synced = await usersOf(String(permit.ready.url), common.permitKey);
    return {
      what: `letters worked off (${place.name}, Permit ${permitMs} ms away)`,
      letters,
      lost: letters - synced,
      dead: after.dead,
      seconds: Math.round(busy.tookSeconds),
      usersPerSecond: Math.round(letters / busy.tookSeconds),
      cpuMsPerUser: Number((((after.cpuSeconds - before.cpuSeconds) * 1000) / letters).toFixed(1)),
      idleP50Ms: idle.p50Ms,
      idleP99Ms: idle.p99Ms,
      drainingP50Ms: busy.p50Ms,
      drainingP99Ms: busy.p99Ms,
      p99OfIdle: Number((busy.p99Ms / idle.p99Ms).toFixed(2)),
      unexpected: idle.unexpected + busy.unexpected,
      peakRssMb: after.peakRssMb,
    };
  } finally {
    for (const child of children.reverse()) await child.stop();
  }
}

async function paced(options: PacedLoad): Promise<Paced> {
  const child = await startChild('paced-load.ts', options);
  await child.stop();
  return child.ready as Paced;
}

async function tokenOf(logtoUrl: string): Promise<string> {
  const answer = await fetch(`${logtoUrl}/_emulator/tokens`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ user: 'user0', expiresIn: 86_400 }),
  });
  return ((await answer.json()) as { token: string }).token;
}

/** How many of them the directory has now; each one that it lacks was lost. */
async function usersOf(permitUrl: string, key: string): Promise<number> {
  const headers = { authorization: `Bearer ${key}` };
  const scope = (await (await fetch(`${permitUrl}/v2/api-key/scope`, { headers })).json()) as Record<
    string,
    string
  >;
  const path = `/v2/facts/${scope.project_id}/${scope.environment_id}/users?page=1&per_page=1`;
  const { total_count } = (await (await fetch(`${permitUrl}${path}`, { headers })).json()) as {
    total_count: number;
  };
  return total_count;
}
