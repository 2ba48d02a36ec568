import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import type { LogtoVersion } from '../../src/emulators/logto/issuer.ts';
import { contractRuns, createContract, differencesPage, reasonFor } from '../support/logto-differences.ts';
import type { Difference } from '../support/logto-world.ts';

const page = join(import.meta.dirname, '../../docs/logto-emulator-differences.md');
const all: (Difference & { version: LogtoVersion })[] = [];
const contract = createContract();
let complete = 0;

afterAll(async () => {
  await contract.close();
  // UPDATE_DOCS=1 writes the page instead of comparing it.
  if (process.env.UPDATE_DOCS && complete === contractRuns.length) writeFileSync(page, differencesPage(all));
});

describe.each(['1.41', '1.42'] as const)('the emulator as Logto %s', (version) => {
  it.each(contractRuns.filter((run) => run.version === version))('$name: as recorded', async (run) => {
    const found = await contract.differencesOf(run);
    all.push(...found.map((difference) => ({ ...difference, version })));
    complete += 1;
    expect(found.filter((difference) => reasonFor(difference) === undefined)).toEqual([]);
  });
});

describe('the documentation', () => {
  it('lists every difference that is left', () => {
    expect(complete).toBe(contractRuns.length);
    if (!process.env.UPDATE_DOCS) expect(readFileSync(page, 'utf8')).toBe(differencesPage(all));
  });
});
