import { globSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from '@jest/globals';

const root = resolve(import.meta.dirname, '../..');
const ids = Array.from({ length: 76 }, (_, n) => `c-${n + 1}`);
const suites = globSync('test/**/*.test.ts', { cwd: root }).map((path) => path.replaceAll('\\', '/'));

/** Id and suite, as the page has them. */
const listed = [
  ...readFileSync(join(root, 'docs/convergence-cases.md'), 'utf8').matchAll(
    /^\| (c-\d+) \| .+ \| (test\/\S+\.test\.ts) \|$/gm,
  ),
].map(([, id, suite]) => `${id} → ${suite}`);

/** A name begins with the id, whether it stands in the call or in the table of an `it.each`. */
const namesIn = (text: string) =>
  [...text.replace(/^\s*\/\/.*$/gm, '').matchAll(/['"`](c-\d+) \S/g)].map(([, id]) => id as string);

describe('the 76 cases of webhook and sync', () => {
  it('are listed once each, in their order', () => {
    expect(listed.map((line) => line.split(' ')[0])).toEqual(ids);
  });

  it('are tests by their ids in exactly the suites that the page names', () => {
    const tested = suites.flatMap((suite) =>
      [...new Set(namesIn(readFileSync(join(root, suite), 'utf8')))].map((id) => `${id} → ${suite}`),
    );
    expect(tested.sort()).toEqual([...listed].sort());
  });
});
