import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { openStore } from '../../../src/emulators/store/store.ts';
import { execFile } from '../../support/child-process.ts';

let dir = '';
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'store-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

describe.each(['memory', 'file'])('a store in %s', (kind) => {
  const open = (file: string) => (kind === 'file' ? openStore({ dir, file }) : openStore({ file }));

  it('keeps collections apart, in the order of the first put', () => {
    const store = open('order.sqlite');
    store.put('users', 'b', { n: 1 });
    store.put('users', 'a', { n: 2 });
    store.put('roles', 'b', { n: 3 });
    store.put('users', 'b', { n: 4 });
    expect(store.all('users')).toEqual([
      ['b', { n: 4 }],
      ['a', { n: 2 }],
    ]);
    expect(store.get('roles', 'b')).toEqual({ n: 3 });
    expect(store.collections()).toEqual(['users', 'roles']);
    store.close();
  });

  it('hands out values that nobody can change', () => {
    const store = open('frozen.sqlite');
    const value = { list: [1] };
    store.put('x', 'k', value);
    value.list.push(2);
    const read = store.get<{ list: number[] }>('x', 'k');
    expect(read).toEqual({ list: [1] });
    expect(() => read?.list.push(3)).toThrow(TypeError);
    store.close();
  });

  it('deletes, counts and clears', () => {
    const store = open('clear.sqlite');
    store.put('x', 'k', 1);
    store.put('y', 'k', 1);
    expect(store.delete('x', 'k')).toBe(true);
    expect(store.delete('x', 'k')).toBe(false);
    expect(store.count('x')).toBe(0);
    store.clear();
    expect(store.collections()).toEqual([]);
    store.close();
  });

  it('refuses what is not JSON', () => {
    const store = open('json.sqlite');
    expect(() => store.put('x', 'k', undefined)).toThrow('x/k');
    store.close();
  });
});

describe('a store in a file', () => {
  it('is there again after kill -9, with every write that had returned', async () => {
    const file = 'killed.sqlite';
    const script = `
      import { openStore } from ${JSON.stringify(join(process.cwd(), 'src/emulators/store/store.ts'))};
      const store = openStore({ dir: ${JSON.stringify(dir)}, file: '${file}' });
      store.put('users', 'alice', { name: 'Alice' });
      store.put('users', 'gone', 1);
      store.delete('users', 'gone');
      process.kill(process.pid, 'SIGKILL');`;
    await expect(execFile(process.execPath, ['--input-type=module', '-e', script])).rejects.toMatchObject({
      signal: 'SIGKILL',
    });

    const store = openStore({ dir, file });
    expect(store.all('users')).toEqual([['alice', { name: 'Alice' }]]);
    store.close();
  });

  it('is refused to a second one while it is open, and free afterwards', () => {
    const first = openStore({ dir, file: 'locked.sqlite' });
    expect(() => openStore({ dir, file: 'locked.sqlite' })).toThrow('in use by another process');
    first.close();
    openStore({ dir, file: 'locked.sqlite' }).close();
  });
});
