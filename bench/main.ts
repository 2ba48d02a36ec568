import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { barsOf, drawBars } from './chart.ts';

type Row = Record<string, string | number | boolean>;
type Room = { name: string; rows: Row[] };
/** Rooms are measured apart, some of them on other machines: each says when and on what. */
type Result = Room & { at: string; node: string; processors: string };

/**
 * `npm run bench [-- room …]`: runs the benchmarks of all rooms, or of those that are named, prints their
 * tables, writes them into `results.json` beside what the other rooms had, and draws `results.svg` from the main
 * comparison.
 */
const ROOMS = ['permission', 'permission-growth', 'auth', 'intake', 'sync', 'backlog', 'permit-emulator'];

const asked = process.argv.slice(2).filter((word) => !word.startsWith('-'));
const unknown = asked.filter((name) => !ROOMS.includes(name));
if (unknown.length > 0) {
  console.error(`bench: no such room: ${unknown.join(', ')} (there are ${ROOMS.join(', ')})`);
  process.exit(2);
}

const results: Result[] = [];
for (const name of asked.length > 0 ? asked : ROOMS) {
  if (!existsSync(join(import.meta.dirname, `${name}.ts`))) {
    console.log(`\n${name}: skipped, there is no bench/${name}.ts`);
    continue;
  }
  console.log(`\n${name} …`);
  const { run } = (await import(`./${name}.ts`)) as { run: () => Promise<Room> };
  const result = await run();
  results.push({
    ...result,
    at: new Date().toISOString(),
    node: process.version,
    processors: `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}`,
  });
  console.table(result.rows);
}

const file = (name: string) => join(import.meta.dirname, name);
const before = existsSync(file('results.json'))
  ? (JSON.parse(readFileSync(file('results.json'), 'utf8')) as { rooms: Result[] }).rooms
  : [];
// A map keeps the place of what it replaces.
const rooms = [...new Map([...before, ...results].map((room) => [room.name, room])).values()];
writeFileSync(file('results.json'), `${JSON.stringify({ rooms }, null, 2)}\n`);
console.log('\nwritten: bench/results.json');

const bars = barsOf(results.find(({ name }) => name === 'permission')?.rows ?? []);
if (bars.length > 0) {
  writeFileSync(file('results.svg'), drawBars(bars, 'Requests per second, as a share of bare Express'));
  console.log('drawn: bench/results.svg');
}
