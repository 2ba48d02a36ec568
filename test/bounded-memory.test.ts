import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { execFile } from './support/child-process.ts';

const SOURCES = join(import.meta.dirname, '../src');

/** What a program prints, in a process that has bounded its memory and in one that has not. */
async function inBoth(program: string): Promise<{ bounded: number; free: number }> {
  const run = async (begin: string) => {
    const text = `
      const { boundMemory } = await import(${JSON.stringify(join(SOURCES, 'bounded-memory.ts'))});
      ${begin}
      ${program}`;
    const flags = ['--conditions=source', '--disable-warning=ExperimentalWarning', '--input-type=module'];
    const { stdout } = await execFile(process.execPath, [...flags, '-e', text], { timeout: 60_000 });
    return Number(stdout);
  };
  const [bounded, free] = await Promise.all([run('boundMemory();'), run('')]);
  return { bounded, free };
}

test('what a process has for new objects stays small, where V8 alone takes several times as much', async () => {
  // After a long run in which some of each round outlives it.
  const { bounded, free } = await inBoth(`
    const kept = [];
    for (let i = 0; i < 3_000_000; i += 1) kept[i % 300_000] = { i, text: 'n' + i };
    const { getHeapSpaceStatistics } = await import('node:v8');
    const space = getHeapSpaceStatistics().find((s) => s.space_name === 'new_space');
    console.log(Math.round(space.space_size / 1_048_576));`);
  expect(bounded).toBeLessThanOrEqual(32);
  expect(free).toBeGreaterThan(bounded);
}, 60_000);

test('the embedded database costs what it holds, where its compilation alone takes several times as much', async () => {
  const { bounded, free } = await inBoth(`
    const { openPglite } = await import(${JSON.stringify(join(SOURCES, 'database/pglite.ts'))});
    const database = await openPglite();
    for (let i = 0; i < 500; i += 1) await database.query('SELECT $1::int + n FROM generate_series(1, 50) n', [i]);
    console.log(Math.round(process.resourceUsage().maxRSS / 1024));
    await database.close();`);
  expect(free - bounded).toBeGreaterThan(200);
}, 60_000);
