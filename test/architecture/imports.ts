import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

export const sourceFolder = resolve(import.meta.dirname, '../../src');

export type Import = {
  /** File that imports, relative to `src`. */
  from: string;
  /** File relative to `src` for our own, else the package as written. */
  to: string;
  own: boolean;
  typeOnly: boolean;
};

const STATEMENT = /^\s*(?:import|export)\s+(type\s+)?(?:[^'"`;]*?\sfrom\s+)?['"]([^'"]+)['"]/gm;
const DYNAMIC = /\bimport\(\s*['"]([^'"]+)['"]\s*\)/g;

export function sourceFiles(folder = sourceFolder): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(folder, name))
    .sort();
}

/** Every import and re-export below `src`, dynamic ones included. */
export function importsOf(files: readonly string[]): Import[] {
  return files.flatMap((file) => {
    const text = readFileSync(file, 'utf8');
    const found = [
      ...[...text.matchAll(STATEMENT)].map((m) => ({ target: m[2] as string, typeOnly: Boolean(m[1]) })),
      ...[...text.matchAll(DYNAMIC)].map((m) => ({ target: m[1] as string, typeOnly: false })),
    ];
    return found.map(({ target, typeOnly }) => {
      const own = target.startsWith('.');
      return {
        from: relative(sourceFolder, file),
        to: own ? relative(sourceFolder, resolve(dirname(file), target)) : target,
        own,
        typeOnly,
      };
    });
  });
}

/** `auth/verifier.ts` → `auth`; a file directly below `src` is its own room: `errors.ts`. */
export function roomOf(file: string): string {
  return file.split('/')[0] as string;
}
