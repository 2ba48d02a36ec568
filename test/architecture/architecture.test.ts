import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { type Import, importsOf, roomOf, sourceFiles, sourceFolder } from './imports.ts';

const files = sourceFiles();
const imports = importsOf(files);
const doors = ['index.ts', 'testing.ts', 'server.ts', 'cli.ts'];
const named = (found: Import[]) => found.map((i) => `${i.from} → ${i.to}`);
const between = (from: string, to: readonly string[]) =>
  named(imports.filter((i) => i.own && roomOf(i.from) === from && to.includes(roomOf(i.to))));
const packages = (where: (i: Import) => boolean, which: RegExp) =>
  named(imports.filter((i) => !i.own && where(i) && which.test(i.to)));

describe('the arrows between rooms', () => {
  it('sees the imports at all', () => {
    expect(files.length).toBeGreaterThan(30);
    expect(imports.filter((i) => i.own).length).toBeGreaterThan(files.length);
  });

  it('a letter is stored and answered, nothing else: webhook never reaches sync or permit', () => {
    expect(between('webhook', ['sync', 'permit', 'permission', 'logto', 'auth'])).toEqual([]);
  });

  it('the inbox keeps letters and reads none', () => {
    expect(between('inbox', ['webhook', 'sync', 'permit', 'logto', 'permission', 'auth', 'http'])).toEqual(
      [],
    );
  });

  it('sync knows neither express nor a vendor', () => {
    expect(packages((i) => roomOf(i.from) === 'sync', /^(express|permitio|undici|axios|@logto\/)/)).toEqual(
      [],
    );
    expect(between('sync', ['http', 'webhook', 'permit', 'logto', 'permission'])).toEqual([]);
  });

  it('the two vendors never meet', () => {
    expect(between('logto', ['permit', 'permission', 'sync/directory'])).toEqual([]);
    expect(between('permit', ['logto', 'auth', 'webhook'])).toEqual([]);
  });

  it('one vendor, one folder', () => {
    expect(packages((i) => !i.from.startsWith('logto/'), /^(@logto\/|express-session)/)).toEqual([]);
    expect(packages((i) => !i.from.startsWith('permit/'), /^(permitio|axios)/)).toEqual([]);
    expect(packages((i) => !i.from.startsWith('database/'), /^(pg|@electric-sql\/pglite)$/)).toEqual([]);
    expect(packages((i) => !i.from.startsWith('inbox/'), /^pg-boss$/)).toEqual([]);
  });

  it('the emulators share no code with what they test', () => {
    const rooms = new Set(imports.filter((i) => i.own).map((i) => roomOf(i.to)));
    rooms.delete('emulators');
    expect(between('emulators', [...rooms])).toEqual([]);
  });

  it('the application is the first customer of the library', () => {
    expect(
      named(
        imports.filter(
          (i) => i.own && roomOf(i.from) === 'app' && !['app', 'index.ts'].includes(roomOf(i.to)),
        ),
      ),
    ).toEqual([]);
  });

  it('nobody but the doors and the commands behind them imports the application, the server or the command', () => {
    const allowed = ['app', ...doors, 'commands'];
    expect(
      named(
        imports.filter(
          (i) =>
            i.own &&
            ['app', 'server.ts', 'cli.ts', 'commands', 'testing.ts'].includes(roomOf(i.to)) &&
            !allowed.includes(roomOf(i.from)),
        ),
      ),
    ).toEqual([]);
  });

  it('no room but the gate and the doors imports a door', () => {
    const allowed = [...doors, 'app', 'commands'];
    expect(
      named(imports.filter((i) => i.own && doors.includes(i.to) && !allowed.includes(roomOf(i.from)))),
    ).toEqual([]);
  });

  it('imports of our own end in .ts', () => {
    expect(named(imports.filter((i) => i.own && !i.to.endsWith('.ts') && !i.to.endsWith('.json')))).toEqual(
      [],
    );
  });
});

const withoutComments = (text: string) => text.replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');

describe('rules that every file keeps', () => {
  const offenders = (pattern: RegExp, except: readonly string[] = []) =>
    files
      .map((file) => relative(sourceFolder, file))
      .filter((file) => !except.some((prefix) => file.startsWith(prefix)))
      .filter((file) => pattern.test(withoutComments(readFileSync(join(sourceFolder, file), 'utf8'))));

  it('process.env is read in the process doors only', () => {
    // The testing door asks for NODE_ENV alone, to refuse.
    expect(offenders(/process\.env\b/, ['server.ts', 'cli.ts', 'testing.ts'])).toEqual([]);
  });

  it('time comes through a clock', () => {
    // The emulators have a clock of their own, built on the machine's.
    expect(
      offenders(/Date\.now\(\)|new Date\(\)/, ['clock.ts', 'emulators/control/', 'server.ts', 'cli.ts']),
    ).toEqual([]);
  });

  it('there is no default export', () => {
    expect(offenders(/^export default /m)).toEqual([]);
  });

  it('no file has more than 250 lines', () => {
    expect(
      files
        .filter((f) => readFileSync(f, 'utf8').split('\n').length > 251)
        .map((f) => relative(sourceFolder, f)),
    ).toEqual([]);
  });
});
