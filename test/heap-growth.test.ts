import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { execFile } from './support/child-process.ts';

const DOOR = join(import.meta.dirname, '../src/heap-growth.ts');

/** Megabytes set aside for new objects after a long run in which some of each round outlives it. */
const PROGRAM = `
  const { boundHeapGrowth } = await import(process.argv[1]);
  if (process.argv[2] === 'bounded') boundHeapGrowth();
  const kept = [];
  for (let i = 0; i < 3_000_000; i += 1) kept[i % 300_000] = { i, text: 'n' + i };
  const { getHeapSpaceStatistics } = await import('node:v8');
  const space = getHeapSpaceStatistics().find((s) => s.space_name === 'new_space');
  console.log(Math.round(space.space_size / 1_048_576));
`;

async function newSpaceMb(how: 'bounded' | 'free'): Promise<number> {
  const flags = ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', PROGRAM, DOOR, how];
  const { stdout } = await execFile(process.execPath, flags, { timeout: 30_000 });
  return Number(stdout);
}

test('what a process has for new objects stays small, where V8 alone takes several times as much', async () => {
  const [bounded, free] = await Promise.all([newSpaceMb('bounded'), newSpaceMb('free')]);
  expect(bounded).toBeLessThanOrEqual(32);
  expect(free).toBeGreaterThan(bounded);
});
