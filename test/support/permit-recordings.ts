import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createConformance } from './permit-conformance.ts';
import type { RecordedExchange } from './permit-recording.ts';

/**
 * Holds what all emulators of a run wrote down to Permit's OpenAPI document, and says how much that was.
 *
 * @throws Error that names each difference once, with who caused it.
 */
export function checkRecordings(
  folder: string,
  say = (line: string) => void process.stderr.write(line),
): void {
  const files = readdirSync(folder);
  if (files.length === 0) return;
  const conformance = createConformance();
  if (!conformance) return;
  const found = new Map<string, string>();
  for (const file of files) {
    for (const { query, origin, ...rest } of linesOf(join(folder, file))) {
      const before = conformance.violations().length;
      conformance.observe({ ...rest, query: new URLSearchParams(query) });
      for (const violation of conformance.violations().slice(before)) found.set(violation, origin);
    }
  }
  say(
    `Permit's document: ${conformance.checked()} calls of ${files.length} processes, ${found.size} differences\n`,
  );
  if (found.size === 0) return;
  const lines = [...found].map(([violation, origin]) => `  ${violation}\n    from ${origin}`);
  throw new Error(`the Permit emulator left Permit's OpenAPI document:\n${lines.join('\n')}`);
}

/** A process that was killed in the middle of a line leaves it without an end. */
function linesOf(file: string): RecordedExchange[] {
  const whole = readFileSync(file, 'utf8').split('\n').slice(0, -1);
  return whole.map((line) => JSON.parse(line) as RecordedExchange);
}
