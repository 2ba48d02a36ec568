import { readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { sourceFiles } from './imports.ts';

const root = resolve(import.meta.dirname, '../..');
type Configuration = { default: { moduleNameMapper: Record<string, string> } };
const configuration = (await import(join(root, 'jest.config.js'))) as Configuration;
const files = [...sourceFiles(), ...sourceFiles(join(root, 'test'))].map((file) => ({
  name: relative(root, file),
  text: readFileSync(file, 'utf8'),
}));
const specifiersIn = (text: string) =>
  [...text.matchAll(/(?:from|import\()\s*'([^']+)'/g)].map(([, to]) => to ?? '');
const importers = (wanted: (specifier: string) => boolean, folder = '') =>
  files
    .filter(({ name, text }) => name.startsWith(folder) && specifiersIn(text).some(wanted))
    .map(({ name }) => name);

describe('no Permit emulator of a test goes unobserved', () => {
  const [mapped = ''] = Object.keys(configuration.default.moduleNameMapper);
  const emulator = (specifier: string) => specifier.endsWith('start-permit-emulator.ts');

  it('in the process of the test: every path to the emulator is a path to its observer', () => {
    expect(importers(emulator).length).toBeGreaterThan(15);
    expect(importers((to) => emulator(to) && !new RegExp(mapped).test(to))).toEqual([
      'test/support/permit-observed.ts',
    ]);
  });

  it('in other processes: there is one door to them, which brings the recorder along', () => {
    expect(importers((to) => /^(node:)?child_process$/.test(to), 'test')).toEqual([
      'test/support/child-process.ts',
    ]);
    expect(importers((to) => /^(node:)?(worker_threads|cluster)$/.test(to), 'test')).toEqual([]);
  });
});
