import { randomUUID } from 'node:crypto';
import { pino } from 'pino';
import { reportMigrations } from '../src/app/reports/report-migrations.ts';
import { createReportStore } from '../src/app/reports/report-store.ts';
import { systemClock } from '../src/clock.ts';
import type { Database } from '../src/database/database.ts';
import { migrate } from '../src/database/migrate.ts';
import { openDatabase } from '../src/database/open-database.ts';
import type { PermittedScope } from '../src/permission/permitted-scope.ts';
import { createChecker } from '../src/permit/create-checker.ts';
import { createPostgresDatabase } from '../test/support/database.ts';
import { type Child, startChild } from './child.ts';
import { median } from './load.ts';
import { load, questionsOf, type Size } from './permit-emulator-world.ts';

type Row = Record<string, string | number | boolean>;
const log = pino({ level: 'silent' });

/**
 * What grows: checks over 10³ to 10⁶ role assignments in the emulator, pages of a list over 10³ to 10⁶ reports, of
 * which the caller may see 20 or all, and 1 to 1,000 checks of one turn. Lists run on the Postgres of
 * `BENCH_DATABASE_URL` (a database of their own, dropped afterwards), else on the embedded one. `BENCH_ASSIGNMENTS`
 * and `BENCH_REPORTS` are the largest numbers.
 */
export async function run(): Promise<{ name: string; rows: Row[] }> {
  return { name: 'permission-growth', rows: [...(await checks()), ...(await lists()), ...(await bulks())] };
}

/** One check after another through our client, each world in an emulator of its own; the worlds take turns. */
async function checks(): Promise<Row[]> {
  const most = Number(process.env.BENCH_ASSIGNMENTS ?? 1_000_000);
  const sizes = [1_000, 10_000, 100_000, 1_000_000]
    .filter((count) => count <= most)
    .map((assignments): Size => ({ users: assignments / 10, tenants: 10, tuples: assignments / 10 }));
  const children: Child[] = [];
  const checkers: ReturnType<typeof createChecker>[] = [];
  const took = sizes.map((): number[] => []);
  try {
    for (const size of sizes) {
      const child = await startChild('permit-emulator-process.ts', {});
      children.push(child);
      await load(String(child.ready.url), size);
      checkers.push(
        createChecker({ pdpUrl: String(child.ready.url), apiKey: 'permit_key_environment', log }),
      );
    }
    for (let round = 0; round < 12; round += 1) {
      for (const [i, size] of sizes.entries()) {
        for (const question of questionsOf(size, 200)) {
          const startedAt = performance.now();
          await checkers[i]?.isAllowed(question);
          if (round >= 2) took[i]?.push(performance.now() - startedAt);
        }
      }
    }
  } finally {
    for (const checker of checkers) await checker.stop();
    for (const child of children) await child.stop();
  }
  const p50 = took.map((times) => Math.round(median(times) * 1000) / 1000);
  return sizes.map(({ users, tenants, tuples }, i) => ({
    case: 'a check, one after another',
    assignments: users * tenants,
    tuples,
    p50Ms: p50[i] ?? 0,
    ofThousand: Math.round((100 * (p50[i] ?? 0)) / (p50[0] ?? 1)) / 100,
  }));
}

async function lists(): Promise<Row[]> {
  const url = process.env.BENCH_DATABASE_URL;
  const postgres = url ? await createPostgresDatabase(url) : undefined;
  const database = postgres ? await postgres.connect() : await openDatabase({ log });
  try {
    await migrate(database, reportMigrations);
    const most = Number(process.env.BENCH_REPORTS ?? 1_000_000);
    const rows: Row[] = [];
    let at1000: Record<string, number> | undefined;
    let there = 0;
    for (const reports of [1_000, 10_000, 100_000, 1_000_000].filter((count) => count <= most)) {
      await fill(database, there, reports);
      there = reports;
      const pageMs = await pages(database);
      at1000 ??= pageMs;
      for (const [scope, ms] of Object.entries(pageMs)) {
        const ofThousand = Math.round((100 * ms) / (at1000[scope] ?? ms)) / 100;
        rows.push({ case: `a page, ${scope}`, database: database.kind, reports, p50Ms: ms, ofThousand });
      }
    }
    return rows;
  } finally {
    await database.close();
    await postgres?.drop();
  }
}

const A_STATEMENT = 25_000;

/** In parts: a statement has a deadline. */
async function fill(database: Database, from: number, to: number): Promise<void> {
  for (let first = from + 1; first <= to; first += A_STATEMENT) {
    await database.query(
      `insert into elp.report (id, tenant, owner_id, title, body, visible, created_at, updated_at)
       select gen_random_uuid(), case when n % 10 = 0 then 'globex' else 'acme' end, 'user' || (n % 997), 'Report ' || n,
         repeat('text ', 20), true, timestamptz '2026-01-01' + n * interval '1 second', now()
       from generate_series($1::int, $2::int) n`,
      [first, Math.min(to, first + A_STATEMENT - 1)],
    );
  }
  await database.query('analyze elp.report');
}

async function pages(database: Database): Promise<Record<string, number>> {
  const store = createReportStore({ database, clock: systemClock });
  const { rows } = await database.query<{ id: string }>(
    `select id from elp.report where tenant = 'acme' and owner_id = 'user7' limit 20`,
  );
  const scopes: Record<string, PermittedScope> = {
    'caller with 20 grants': { kind: 'keys', keys: rows.map(({ id }) => id) },
    'viewer of the tenant': { kind: 'all' },
    'caller with 2,000 keys that are gone': {
      kind: 'keys',
      keys: Array.from({ length: 2_000 }, () => randomUUID()),
    },
  };
  const result: Record<string, number> = {};
  for (const [name, scope] of Object.entries(scopes)) {
    const took: number[] = [];
    for (let round = 0; round < 120; round += 1) {
      const startedAt = performance.now();
      await store.page('acme', scope, { limit: 20 });
      if (round >= 20) took.push(performance.now() - startedAt);
    }
    result[name] = Math.round(median(took) * 1000) / 1000;
  }
  return result;
}

async function bulks(): Promise<Row[]> {
  const pdp = await startChild('permission-pdp.ts', { jwks: { keys: [] }, delayMs: 1 });
  const checker = createChecker({ pdpUrl: String(pdp.ready.url), apiKey: 'key', log });
  try {
    const rows: Row[] = [];
    for (const checks of [1, 10, 100, 1_000]) {
      const took: number[] = [];
      for (let round = 0; round < 60; round += 1) {
        const startedAt = performance.now();
        await Promise.all(
          Array.from({ length: checks }, (_, n) =>
            checker.isAllowed({
              user: { key: 'user' },
              action: 'view',
              resource: { type: 'reports', key: `r${n}`, tenant: 'default' },
            }),
          ),
        );
        if (round >= 10) took.push(performance.now() - startedAt);
      }
      rows.push({
        case: `${checks} checks in one turn, PDP at 1 ms`,
        p50Ms: Math.round(median(took) * 1000) / 1000,
      });
    }
    return rows;
  } finally {
    await checker.stop();
    await pdp.stop();
  }
}
