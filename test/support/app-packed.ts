import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { execFile } from './child-process.ts';

/**
 * An application that has installed this package: packed by npm from a build of its own and unpacked into a
 * `node_modules` that holds the same dependencies. Nothing is fetched.
 */
export async function installPacked(): Promise<{ folder: string; files: string[]; remove(): void }> {
  const root = mkdtempSync(join(tmpdir(), 'elp-packed-'));
  // Below the repository: a linked `node_modules` gives its types paths that no declaration can name.
  const staging = resolve('.data', `packed-${process.pid}`);
  const folder = join(root, 'consumer');
  const target = join(folder, 'node_modules', 'express-logto-permit');
  mkdirSync(staging, { recursive: true });
  for (const name of [
    'package.json',
    'README.md',
    'CHANGELOG.md',
    'LICENSE',
    'src',
    'tsconfig.json',
    'tsconfig.build.json',
  ]) {
    cpSync(resolve(name), join(staging, name), { recursive: true });
  }
  await execFile(
    process.execPath,
    [resolve('node_modules/typescript/bin/tsc'), '-p', 'tsconfig.build.json'],
    {
      cwd: staging,
    },
  );
  const packed = await execFile('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', root], {
    cwd: staging,
  });
  // Older releases of npm answer with a list, newer ones with an object by name.
  const answer = JSON.parse(packed.stdout) as Record<string, { filename: string; files: { path: string }[] }>;
  const [description] = Object.values(answer);
  if (!description) throw new Error('npm pack made nothing');
  mkdirSync(target, { recursive: true });
  await execFile('tar', ['-xzf', join(root, description.filename), '-C', target, '--strip-components=1']);
  linkDependencies(join(folder, 'node_modules'));
  writeFileSync(
    join(folder, 'package.json'),
    JSON.stringify({ name: 'consumer', type: 'module', private: true }),
  );
  return {
    folder,
    files: description.files.map(({ path }) => path),
    remove() {
      for (const made of [root, staging]) rmSync(made, { recursive: true, force: true });
    },
  };
}

function linkDependencies(into: string): void {
  for (const name of readdirSync('node_modules')) {
    if (name.startsWith('.')) continue;
    symlinkSync(resolve('node_modules', name), join(into, name));
  }
}
