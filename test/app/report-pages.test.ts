import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { reportMigrations } from '../../src/app/reports/report-migrations.ts';
import { createReportStore } from '../../src/app/reports/report-store.ts';
import type { Database, PermittedScope } from '../../src/index.ts';
import { openTestDatabase } from '../support/database.ts';

let database: Database;
let nowMs = Date.UTC(2026, 10, 24);
const made: { id: string; tenant: string }[] = [];
const store = () => createReportStore({ database, clock: { now: () => nowMs } });

beforeAll(async () => {
  database = await openTestDatabase(reportMigrations);
  for (let n = 0; n < 60; n += 1) {
    // Some share their instant, so that the id has to decide.
    if (n % 3 === 0) nowMs += 1_000;
    const tenant = n % 5 === 4 ? 'other' : 'acme';
    const { id } = await store().insert(
      database,
      { title: `Report ${n}`, body: 'x' },
      { ownerId: 'a', tenant },
    );
    if (n % 7 !== 6) await store().setVisible(database, id, true);
    if (n % 7 !== 6) made.push({ id, tenant });
  }
});
afterAll(() => database.close());

async function allPagesOf(scope: PermittedScope): Promise<string[]> {
  const found: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await store().page('acme', scope, { limit: 7, cursor });
    expect(page.items.length === 7 || page.nextCursor === null).toBe(true);
    found.push(...page.items.map(({ id }) => id));
    cursor = page.nextCursor ?? undefined;
  } while (cursor);
  return found;
}

describe('pages of a list', () => {
  it.each([
    ['few keys', 0],
    ['many keys, most of them gone', 6_000],
  ])('%s: full pages, each report once, in the order of all', async (_name, strangers) => {
    const all = await allPagesOf({ kind: 'all' });
    expect(all.toSorted()).toEqual(
      made
        .filter(({ tenant }) => tenant === 'acme')
        .map(({ id }) => id)
        .toSorted(),
    );

    const mine = made.filter((_, n) => n % 2 === 0).map(({ id }) => id);
    const keys = [...mine, ...Array.from({ length: strangers }, () => randomUUID()), 'no-uuid'];
    expect(await allPagesOf({ kind: 'keys', keys })).toEqual(all.filter((id) => mine.includes(id)));
  });

  it('keys of which none is left: an empty page', async () => {
    const scope: PermittedScope = { kind: 'keys', keys: [randomUUID()] };
    expect(await store().page('acme', scope, {})).toEqual({ items: [], nextCursor: null });
  });
});
