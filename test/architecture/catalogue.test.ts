import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { sourceFiles } from './imports.ts';

/** The families of hostile cases that tests name by id, how many each has, and where they are. */
const FAMILIES = [
  ['a2', 16, 'key-set states', 'auth'],
  ['b1', 14, 'odd answers of the PDP', '.'],
  ['b2', 2, 'redirects of the PDP', '.'],
  ['b3', 9, 'refusals and failures of the PDP', '.'],
  ['b4', 3, 'a PDP that is not there', '.'],
  ['b5', 8, 'odd answers to many questions', '.'],
  ['b6', 14, 'resource ids', '.'],
  ['b7', 9, 'tenants', '.'],
  ['b8', 6, 'callers', '.'],
  ['b9', 17, 'other ways to a route', '.'],
  ['b10', 5, 'bodies', '.'],
  ['b11', 9, 'the decision cache', '.'],
  ['d', 36, 'browser sessions', 'logto'],
  ['e', 43, 'the HTTP face', 'http'],
] as const;

const self = join(import.meta.dirname, 'catalogue.test.ts');

/** An id opens the name of a test, or of a row of a table of tests. */
const idsOf = (family: string, folder: string) =>
  sourceFiles(resolve(import.meta.dirname, '..', folder))
    .filter((file) => file !== self)
    .flatMap((file) =>
      [...readFileSync(file, 'utf8').matchAll(new RegExp(`['"\`]${family}-(\\d+) `, 'g'))].map(([, number]) =>
        Number(number),
      ),
    );

describe('the catalogue of hostile cases', () => {
  it.each(FAMILIES)(
    'family %s: each of its %i cases (%s) is a test, once',
    (family, count, _name, folder) => {
      const found = idsOf(family, folder).sort((a, b) => a - b);
      expect(found).toEqual(Array.from({ length: count }, (_, i) => i + 1));
    },
  );
});
