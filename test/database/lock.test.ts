import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { DatabaseInUse, holderOf, lockDataDir } from '../../src/database/lock.ts';
import { openPglite } from '../../src/database/pglite.ts';
import { ConfigurationError } from '../../src/errors.ts';
import { type ChildProcess, spawn } from '../support/child-process.ts';
import { makeDataDir } from '../support/database.ts';
import { until } from '../support/until.ts';

const killRuns = Number(process.env.KILL_RUNS ?? 2);
const made = mkdtempSync(join(tmpdir(), 'elp-made-'));
let dataDir: string;
const children: ChildProcess[] = [];

// Making a database takes seconds; every test but the one about the making starts from a copy.
beforeAll(async () => {
  await makeDataDir(made, []);
});
afterAll(() => rmSync(made, { recursive: true, force: true }));
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'elp-lock-'));
});
afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  }
  rmSync(dataDir, { recursive: true, force: true });
});

function hold(...args: string[]) {
  const child = spawn(process.execPath, [resolve('test/support/database-holder.ts'), dataDir, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  return child;
}
const startFromCopy = () => cpSync(made, dataDir, { recursive: true });
const lines = (child: ChildProcess) => createInterface({ input: child.stdout as NodeJS.ReadableStream });

async function opened(child: ChildProcess): Promise<void> {
  const [line] = (await once(lines(child), 'line')) as [string];
  expect(line).toBe('open');
}

describe('the lock on a data folder', () => {
  it('c-64 two processes: the second is refused within 5 s and told who holds it', async () => {
    startFromCopy();
    const first = hold();
    await opened(first);

    const second = hold();
    let said = '';
    second.stderr?.on('data', (chunk) => {
      said += chunk;
    });
    const [code] = await once(second, 'exit');
    expect(code).toBe(2);
    expect(Number(/after (\d+) ms/.exec(said)?.[1])).toBeLessThan(5_000);
    expect(said).toContain('DatabaseInUse');
    expect(said).toContain(`process ${first.pid} on `);
    expect(said).toMatch(/since \d{4}-\d\d-\d\dT/);
    expect(said).toContain('DATA_DIR');

    first.kill('SIGKILL');
    await once(first, 'exit');
    const database = await openPglite({ dataDir });
    expect((await database.query('SELECT count(*) AS n FROM public.row')).rows).toEqual([{ n: '0' }]);
    await database.close();
  });

  it('holds within one process too, and opens when it is given back', async () => {
    const unlock = await lockDataDir(dataDir);
    await expect(lockDataDir(dataDir, { waitMs: 50 })).rejects.toBeInstanceOf(DatabaseInUse);
    expect(holderOf(dataDir)?.pid).toBe(process.pid);
    unlock();
    unlock();
    (await lockDataDir(dataDir, { waitMs: 50 }))();
    expect(holderOf(dataDir)).toBeUndefined();
  });

  it.each<[string, (file: string) => void, string]>([
    ['a folder', (file) => mkdirSync(file), 'unable to open database file'],
    ['of another program', (file) => writeFileSync(file, 'x'.repeat(5_000)), 'file is not a database'],
  ])('that is %s is said as it is, at once and not as a holder', async (_what, make, reason) => {
    const file = join(dataDir, 'database.lock');
    make(file);
    const refused = lockDataDir(dataDir, { waitMs: 600_000 });
    await expect(refused).rejects.toBeInstanceOf(ConfigurationError);
    await expect(refused).rejects.toThrow(`${file}, the lock of the data folder, cannot be used (${reason})`);
    rmSync(file, { recursive: true });
    (await lockDataDir(dataDir))();
  });

  it('holds although the caller keeps nothing of it', async () => {
    setFlagsFromString('--expose-gc');
    const collectGarbage = runInNewContext('gc') as () => void;
    await lockDataDir(dataDir);
    await setImmediate();
    collectGarbage();
    await setImmediate();
    await expect(lockDataDir(dataDir, { waitMs: 50 })).rejects.toBeInstanceOf(DatabaseInUse);
  });

  it('lets a successor in as soon as the holder goes', async () => {
    const unlock = await lockDataDir(dataDir);
    const successor = lockDataDir(dataDir, { waitMs: 5_000 });
    void setImmediate().then(unlock);
    (await successor)();
  });
});

describe('kill -9 of the embedded database', () => {
  it(`c-durability loses no acknowledged row and opens every time, ${killRuns} runs`, async () => {
    startFromCopy();
    let acknowledged = -1;
    for (let run = 0; run < killRuns; run++) {
      const child = hold('write', String(acknowledged + 1_000));
      const reader = lines(child);
      const enough = 40 + Math.floor(Math.random() * 100);
      let seen = 0;
      for await (const line of reader) {
        if (line === 'open') continue;
        acknowledged = Number(line);
        if (++seen === enough) child.kill('SIGKILL');
      }
      const database = await openPglite({ dataDir });
      const { rows } = await database.query<{ n: string }>('SELECT n FROM public.row WHERE n = $1', [
        acknowledged,
      ]);
      await database.close();
      expect(rows).toEqual([{ n: String(acknowledged) }]);
    }
  });

  it('a first start that is killed while the database is made leaves a folder that opens', async () => {
    const child = hold();
    await until(() => existsSync(join(dataDir, 'database.unfinished', 'base')));
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(existsSync(join(dataDir, 'database'))).toBe(false);
    await opened(hold());
  });
});
