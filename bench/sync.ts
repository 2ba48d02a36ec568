import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { openDatabase } from '../src/database/open-database.ts';
import { createPostgresDatabase } from '../test/support/database.ts';
import { startChild } from './child.ts';
import type { EmulatorsOptions } from './sync-emulators.ts';
import { createSyncRoom, signingKey } from './sync-room.ts';

type Row = Record<string, string | number | boolean>;
type Measured = { seconds: number; cpuSeconds: number; calls: number; peakRssMb: number; changes: number };

const emulators = (options: EmulatorsOptions) => startChild('sync-emulators.ts', options);

/**
 * From a registration to the first allowed question, and what a reconcile costs as the directory grows: on the
 * embedded database, which lives in the reconciling process and is part of its memory, and with books on the
 * Postgres of `BENCH_DATABASE_URL` or `TEST_DATABASE_URL`. Both emulators run in processes of their own; `seconds`
 * is mostly their time, `cpuSeconds` ours. `BENCH_REGISTRATIONS` (200), `BENCH_SIZES` (`1000,10000,100000`),
 * `BENCH_ON` (`embedded` or `Postgres`; both).
 */
export async function run(): Promise<{ name: string; rows: Row[] }> {
  const postgresUrl = process.env.BENCH_DATABASE_URL ?? process.env.TEST_DATABASE_URL;
  const rows: Row[] = [await registrations(Number(process.env.BENCH_REGISTRATIONS ?? 200))];
  for (const size of (process.env.BENCH_SIZES ?? '1000,10000,100000').split(',').map(Number)) {
    if (process.env.BENCH_ON !== 'Postgres') rows.push(...(await growth(size, undefined)));
    if (postgresUrl && process.env.BENCH_ON !== 'embedded') rows.push(...(await growth(size, postgresUrl)));
  }
  return { name: 'sync', rows };
}

const percentile = (sorted: readonly number[], share: number) =>
  Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);

async function registrations(count: number): Promise<Row> {
  const dataDir = mkdtempSync(join(tmpdir(), 'elp-bench-'));
  const room = await createSyncRoom(await openDatabase({ dataDir, log: pino({ level: 'silent' }) }));
  const logto = await emulators({
    only: 'logto',
    users: 0,
    webhookUrl: room.webhookUrl,
    webhookSigningKey: signingKey,
  });
  const permit = await emulators({ only: 'permit', users: 0 });
  const logtoUrl = String(logto.ready.url);
  const permitUrl = String(permit.ready.url);
  const permitKey = String(permit.ready.key);
  const { stop } = await room.join({ logtoUrl, permitUrl, permitKey });
  try {
    const create = await creator(logtoUrl);
    const mayView = questioner(permitUrl, permitKey);
    const times: number[] = [];
    for (let i = 0; i < count + 10; i += 1) {
      const startedAt = performance.now();
      const id = await create(`person${i}`);
      while (!(await mayView(id))) {
        if (performance.now() - startedAt > 10_000) throw new Error(`${id} was never allowed`);
        await new Promise((resolve) => setTimeout(resolve, 3));
      }
      // The first ones warm the processes up.
      if (i >= 10) times.push(performance.now() - startedAt);
    }
    times.sort((a, b) => a - b);
    return {
      what: 'registration to first allowed request (embedded)',
      users: count,
      p50Ms: percentile(times, 0.5),
      p99Ms: percentile(times, 0.99),
    };
  } finally {
    await stop();
    await logto.stop();
    await permit.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

async function creator(logtoUrl: string) {
  const form = { grant_type: 'client_credentials', resource: 'https://default.logto.app/api', scope: 'all' };
  const answer = await fetch(`${logtoUrl}/oidc/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa('management0000000000a:management-secret')}` },
    body: new URLSearchParams(form),
  });
  const { access_token: token } = (await answer.json()) as { access_token: string };
  return async (username: string): Promise<string> => {
    const response = await fetch(`${logtoUrl}/api/users`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ username, primaryEmail: `${username}@example.com`, name: `A ${username}` }),
    });
    return ((await response.json()) as { id: string }).id;
  };
}

function questioner(permitUrl: string, permitKey: string) {
  return async (key: string): Promise<boolean> => {
    const response = await fetch(`${permitUrl}/allowed`, {
      method: 'POST',
      headers: { authorization: `Bearer ${permitKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        user: { key },
        action: 'view',
        resource: { type: 'reports', tenant: 'default' },
        context: {},
      }),
    });
    return ((await response.json()) as { allow?: unknown }).allow === true;
  };
}

async function growth(size: number, postgresUrl: string | undefined): Promise<Row[]> {
  const place = postgresUrl ? await createPostgresDatabase(postgresUrl) : undefined;
  const dataDir = mkdtempSync(join(tmpdir(), 'elp-bench-'));
  const logto = await emulators({ only: 'logto', users: size });
  const permit = await emulators({ only: 'permit', users: 0 });
  try {
    const options = {
      logtoUrl: logto.ready.url,
      permitUrl: permit.ready.url,
      permitKey: permit.ready.key,
      database: place ? { url: place.url } : { dataDir },
    };
    // Whoever reconciles has started the application before: its database is there.
    await (await startChild('sync-reconcile.ts', { ...options, make: true })).ended;
    const child = await startChild('sync-reconcile.ts', options);
    await child.stop();
    const { before, first, second } = child.ready as { before: number; first: Measured; second: Measured };
    const on = place ? 'Postgres' : 'embedded, database in the process';
    const row = (what: string, measured: Measured) => ({
      what: `${what} reconcile (${on})`,
      users: size,
      ...measured,
      callsPerUser: Number((measured.calls / size).toFixed(3)),
      rssBeforeMb: before,
    });
    return [row('first', first), row('second', second)];
  } finally {
    await logto.stop();
    await permit.stop();
    await place?.drop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}
