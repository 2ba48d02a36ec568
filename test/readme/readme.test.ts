import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { fields } from '../../src/app/config-fields.ts';
import { listApplication } from '../../src/commands/list-application.ts';
import { routeTable } from '../../src/index.ts';
import { startEmulators } from '../../src/testing.ts';
import { blocksOf, codeIn, tableBelow } from '../support/app-documents.ts';
import { environmentFor, type RunningApp, runEntry, startApp } from '../support/app-process.ts';
import { execFile, spawn } from '../support/child-process.ts';
import { until } from '../support/until.ts';

const pages = ['README.md', 'docs/testing-your-app.md', 'docs/going-real.md'];
const blocks = pages.flatMap(blocksOf);
const scripts = JSON.parse(readFileSync('package.json', 'utf8')).scripts as Record<string, string>;
// Ignored by git, and inside the package, so that its own name resolves as it does for its users.
const folder = resolve('.data', `readme-${process.pid}`);
const dataDir = mkdtempSync(join(tmpdir(), 'elp-readme-'));
/** For a reader's own program: nothing that would configure it. */
const ownEnvironment = {
  PATH: process.env.PATH,
  NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
};
let app: RunningApp;

beforeAll(async () => {
  mkdirSync(folder, { recursive: true });
  for (const { name, text } of snippets()) writeFileSync(join(folder, name), text);
  app = await startApp(dataDir, { RECONCILE_EVERY_MINUTES: '0' });
}, 120_000);
afterAll(async () => {
  await app.kill();
  rmSync(folder, { recursive: true, force: true });
  rmSync(dataDir, { recursive: true, force: true });
});

/** A snippet says in its first line which file it is. */
function snippets(): { name: string; text: string }[] {
  return blocks
    .filter(({ language }) => language === 'ts')
    .map(({ text, file, line }) => {
      const name = /^\/\/ (\S+\.ts)\n/.exec(text)?.[1];
      if (!name) throw new Error(`${file}:${line} does not name its file`);
      return { name, text };
    });
}

const env = () => environmentFor(dataDir, { RECONCILE_EVERY_MINUTES: '0' });
/** The addresses of the pages are those of `npm start` on a free machine. */
const here = (line: string) =>
  line
    .replaceAll('http://localhost:3000', app.url)
    .replaceAll('http://localhost:3001', app.logtoUrl)
    .replaceAll('http://localhost:7766', app.permitUrl);

describe('every command of the pages', () => {
  const lines = blocks
    .filter(({ language }) => language === 'sh')
    .map((block) => ({ ...block, lines: block.text.trim().split('\n') }));

  it('is there at all', () => {
    expect(lines.flatMap((block) => block.lines).length).toBeGreaterThan(15);
  });

  it.each(lines)(
    '$file:$line runs',
    async (block) => {
      if (block.lines.some((line) => /^(curl|TOKEN=)/.test(line))) {
        const script = block.lines
          .filter((line) => !line.startsWith('npx '))
          .map(here)
          .join(' -w "\\n%{http_code}\\n" &&\n')
          .replace(/(TOKEN=\S+.*\)) -w "\\n%\{http_code\}\\n"/, '$1');
        const { stdout } = await execFile('bash', ['-c', `set -e\n${script}`]);
        expect(stdout).not.toMatch(/"status":[45]\d\d/);
        expect(stdout.length).toBeGreaterThan(20);
      }
      for (const line of block.lines.filter((text) => !/^(curl|TOKEN=)/.test(text))) await runLine(line);
    },
    120_000,
  );

  const done = new Set<string>();

  /** A line that stands on several pages runs once. */
  async function runLine(line: string): Promise<void> {
    if (done.has(line)) return;
    done.add(line);
    const [, script = '', parameters = ''] = /^npm (?:run )?(\S+)(?: -- (.*))?$/.exec(line) ?? [];
    if (line === 'npm ci && npm start' || line === 'npm ci && npm test') {
      expect(scripts[line.split(' ').at(-1) ?? '']).toBeDefined();
      return;
    }
    if (line.startsWith('npx logto-permit emulators')) {
      await runEmulators(line.split(' ').slice(2));
      return;
    }
    expect([line, scripts[script]]).toEqual([line, `npm run --silent cli -- ${script}`]);
    const { code, stderr } = await runEntry(
      'src/cli.ts',
      [script, ...parameters.split(' ').filter(Boolean)],
      env(),
    );
    expect({ line, code, stderr }).toEqual({ line, code: 0, stderr: '' });
  }

  async function runEmulators(parameters: string[]): Promise<void> {
    const free = parameters.map((parameter, index) =>
      /-port$/.test(parameters[index - 1] ?? '') ? '0' : parameter,
    );
    const child = spawn(
      process.execPath,
      ['--conditions=source', '--disable-warning=ExperimentalWarning', resolve('src/cli.ts'), ...free],
      { env: env() },
    );
    let output = '';
    child.stdout.on('data', (chunk) => {
      output += chunk;
    });
    await until(async () => output.includes('PERMIT_PDP_URL='), 60_000);
    child.kill('SIGTERM');
    expect(await once(child, 'close')).toEqual([0, null]);
  }
});

describe('every snippet of the pages', () => {
  it('compiles as its reader has it', async () => {
    const configuration = {
      extends: '../../tsconfig.json',
      include: ['./*.ts'],
      compilerOptions: { noEmit: true },
    };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(configuration));
    const { stdout } = await execFile(process.execPath, [
      resolve('node_modules/typescript/bin/tsc'),
      '-p',
      folder,
    ]).catch((error: { stdout: string }) => error);
    expect(stdout).toBe('');
  }, 120_000);

  it.each(snippets().filter(({ name }) => name.endsWith('.test.ts')))(
    '$name passes',
    async ({ name }) => {
      const { stdout } = await execFile(
        process.execPath,
        [
          '--conditions=source',
          '--disable-warning=ExperimentalWarning',
          '--test',
          '--test-reporter=tap',
          name,
        ],
        { cwd: folder, env: ownEnvironment },
      ).catch((error: { stdout: string }) => error);
      expect(stdout).toMatch(/# pass [1-9]/);
      expect(stdout).toMatch(/# fail 0/);
    },
    120_000,
  );

  it('app.ts lets in by role, and registers whoever signs up', async () => {
    const emulators = await startEmulators({
      policy: {
        resources: { notes: { actions: ['read', 'write'] } },
        roles: { viewer: ['notes:read'], editor: ['notes:read', 'notes:write'], admin: [] },
      },
    });
    const { logto, permit } = emulators.gate;
    const child = spawn(
      process.execPath,
      ['--conditions=source', '--disable-warning=ExperimentalWarning', 'app.ts'],
      {
        cwd: folder,
        env: {
          ...ownEnvironment,
          PORT: '0',
          LOGTO_ENDPOINT: logto.endpoint,
          LOGTO_WEBHOOK_SIGNING_KEYS: logto.webhookSigningKeys?.join(),
          PERMIT_API_KEY: permit.apiKey,
          PERMIT_PDP_URL: permit.pdpUrl,
          PERMIT_API_URL: permit.apiUrl,
        },
      },
    );
    try {
      let output = '';
      for (const stream of [child.stdout, child.stderr]) {
        stream.on('data', (chunk) => {
          output += chunk;
        });
      }
      const port = await until(async () => {
        if (child.exitCode !== null) throw new Error(output);
        return /listening .*port: (\d+)/.exec(output)?.[1];
      }, 60_000);
      const url = `http://127.0.0.1:${port}`;
      const statusOf = async (who: string, method: string, path: string) =>
        (
          await fetch(`${url}${path}`, {
            method,
            headers: { Authorization: `Bearer ${await emulators.tokenFor(who)}` },
          })
        ).status;
      expect(await statusOf('carol', 'GET', '/notes')).toBe(200);
      expect(await statusOf('carol', 'PUT', '/notes/1')).toBe(403);
      expect(await statusOf('bob', 'PUT', '/notes/1')).toBe(204);
      expect(await statusOf('bob', 'PUT', '/notes/2')).toBe(403);
      expect((await fetch(`${url}/notes`)).status).toBe(401);
    } finally {
      const closed = child.exitCode === null ? once(child, 'close') : undefined;
      child.kill('SIGKILL');
      await closed;
      await emulators.close();
    }
  }, 120_000);
});

describe('the tables of the README', () => {
  it('name the variables that there are', () => {
    const named = tableBelow('README.md', 'Environment').flatMap(([cell]) => codeIn(cell));
    expect(named.sort()).toEqual(Object.keys(fields).sort());
  });

  it('name the routes that there are', () => {
    const named = tableBelow('README.md', 'Routes of the reference application').flatMap(([cell]) =>
      codeIn(cell),
    );
    const real = routeTable(listApplication('0'))
      .filter(({ method }) => method !== 'ALL')
      .map(({ method, path }) => `${method} ${path}`);
    expect(named.sort()).toEqual(real.sort());
  });
});

describe('links of the pages', () => {
  it('lead somewhere', () => {
    for (const page of pages) {
      const links = [...readFileSync(page, 'utf8').matchAll(/\]\((?!https?:)([^)#]+)\)/g)].map(
        (match) => match[1] ?? '',
      );
      for (const link of links) expect(() => statSync(resolve(page, '..', link))).not.toThrow();
    }
  });
});
