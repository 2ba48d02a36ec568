import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { installPacked } from '../support/app-packed.ts';
import { execFile } from '../support/child-process.ts';

type Installed = Awaited<ReturnType<typeof installPacked>>;
let installed: Installed | undefined;
beforeAll(async () => {
  installed = await installPacked();
}, 120_000);
const folder = () => installed?.folder ?? '';
const files = () => installed?.files ?? [];
afterAll(() => installed?.remove());

const node = async (...parameters: string[]) =>
  execFile(process.execPath, parameters, {
    cwd: folder(),
    env: { PATH: process.env.PATH },
  }).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    (error: { code: number; stdout: string; stderr: string }) => error,
  );

describe('the packed package, as its users install it', () => {
  it('holds what it needs and nothing of ours', () => {
    expect(files()).toEqual(
      expect.arrayContaining([
        'dist/index.js',
        'dist/index.d.ts',
        'dist/testing.js',
        'dist/cli.js',
        'README.md',
        'LICENSE',
      ]),
    );
    expect(files().filter((path) => /^(test|bench|\.data|\.ci)\/|\.env$/.test(path))).toEqual([]);
  });

  it('opens both doors, without any condition or flag', async () => {
    writeFileSync(
      join(folder(), 'run.js'),
      `import { createGate, definePolicy } from 'express-logto-permit';
       import { startEmulators } from 'express-logto-permit/testing';
       const policy = definePolicy({ resources: { notes: { actions: ['read'] } }, roles: { viewer: ['notes:read'], editor: [], admin: [] } });
       const emulators = await startEmulators({ policy });
       const gate = createGate({ ...emulators.gate, policy });
       const token = await emulators.tokenFor('carol');
       console.log(typeof gate.requirePermission('read', 'notes'), token.split('.').length);
       await emulators.close();`,
    );
    expect(await node('run.js')).toMatchObject({ code: 0, stdout: 'function 3\n', stderr: '' });
  }, 60_000);

  it.each(['nodenext', 'bundler'])(
    'its types resolve and check (%s)',
    async (moduleResolution) => {
      writeFileSync(
        join(folder(), 'use.ts'),
        `import { createGate, definePolicy, principalOf } from 'express-logto-permit';
       import { startEmulators, type TestEmulators } from 'express-logto-permit/testing';
       import type { Request } from 'express';
       const policy = definePolicy({ resources: { notes: { actions: ['read'] } }, roles: { viewer: ['notes:read'] } });
       const gate = createGate({ logto: { endpoint: '', apiResource: '' }, permit: { apiKey: '', pdpUrl: '' }, policy, database: {} });
       gate.requirePermission('read', 'notes');
       // @ts-expect-error a misspelt action does not compile
       gate.requirePermission('raed', 'notes');
       export const who = (req: Request): string | undefined => principalOf(req)?.sub;
       export const start = (): Promise<TestEmulators> => startEmulators({ policy });`,
      );
      writeFileSync(
        join(folder(), 'tsconfig.json'),
        JSON.stringify({
          compilerOptions: {
            strict: true,
            noEmit: true,
            target: 'es2024',
            lib: ['es2024', 'esnext.disposable'],
            types: ['node'],
            module: moduleResolution === 'bundler' ? 'esnext' : 'nodenext',
            moduleResolution,
            skipLibCheck: true,
          },
          include: ['use.ts'],
        }),
      );
      const { stdout, code } = await node(resolve('node_modules/typescript/bin/tsc'), '-p', '.');
      expect({ stdout, code }).toEqual({ stdout: '', code: 0 });
    },
    60_000,
  );

  it('brings the command', async () => {
    const manifest = JSON.parse(
      readFileSync(join(folder(), 'node_modules/express-logto-permit/package.json'), 'utf8'),
    );
    const cli = join('node_modules/express-logto-permit', manifest.bin['logto-permit']);
    expect(await node(cli, 'routes')).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/reports:create/),
    });
    expect(await node(cli, 'nothing')).toMatchObject({ code: 2 });
  }, 60_000);

  it('brings the application', async () => {
    const server = join('node_modules/express-logto-permit', 'dist/server.js');
    const { code, stderr } = await execFile(process.execPath, [server], {
      cwd: folder(),
      env: { PATH: process.env.PATH, PORT: 'none' },
    }).then(
      () => ({ code: 0, stderr: '' }),
      (error: { code: number; stderr: string }) => error,
    );
    expect([code, stderr]).toEqual([2, expect.stringMatching(/- PORT /)]);
  }, 60_000);
});
