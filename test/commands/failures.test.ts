import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, createServer as createSocketServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { readConfig } from '../../src/app/config.ts';
import { bannerOf } from '../../src/commands/banner.ts';
import { explainedFailure } from '../../src/commands/explain-failure.ts';
import { readEnvironment } from '../../src/commands/read-environment.ts';
import { reconcileCommand } from '../../src/commands/reconcile.ts';
import { serve } from '../../src/commands/serve.ts';
import { answerWhileStarting } from '../../src/commands/starting-answer.ts';
import { openDataFolder } from '../../src/embedded/data-folder.ts';
import { findRunning, writeRunFile } from '../../src/embedded/run-file.ts';
import { ConfigurationError, openDatabase } from '../../src/index.ts';
import { runCommand } from '../support/run-command.ts';

const folder = mkdtempSync(join(tmpdir(), 'elp-failures-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function failureOf(work: () => Promise<unknown>): Promise<unknown> {
  return work().then(
    () => undefined,
    (error: unknown) => error,
  );
}
const listening = (port: number, host: string) => once(createServer().listen(port, host), 'listening');

describe('what keeps the application from starting is said for people', () => {
  it('a port that somebody has', async () => {
    const first = createServer().listen(0, '127.0.0.1');
    await once(first, 'listening');
    const { port } = first.address() as AddressInfo;
    const error = await failureOf(() => listening(port, '127.0.0.1'));
    first.close();
    expect(explainedFailure(error)).toMatch(new RegExp(`^Port ${port} is taken.*METRICS_PORT`));
  });

  it.each(['192.0.2.1', 'nowhere.invalid'])('an address that is none of this machine: %s', async (HOST) => {
    const config = readConfig({ HOST, PORT: '0', DATA_DIR: join(folder, 'never') });
    const log = pino({ level: 'silent' });
    const error = await failureOf(() => serve({ config, version: '0.0.0', log, say: () => undefined }));
    expect(error).toBeInstanceOf(ConfigurationError);
    expect((error as Error).message).toMatch(`HOST ${HOST} is no address`);
  });

  it('a Postgres that does not answer', async () => {
    const log = pino({ level: 'silent' });
    const error = await failureOf(() => openDatabase({ url: 'postgres://me:s3cr3t@127.0.0.1:1/none', log }));
    expect(explainedFailure(error)).toMatch(/^The database cannot be used: .*ECONNREFUSED.*DATABASE_URL/);
    expect(explainedFailure(error)).not.toMatch('s3cr3t');
  });

  it('and nothing is made up about what nobody has foreseen', () => {
    expect(explainedFailure(new TypeError('x is not a function'))).toBeUndefined();
    expect(explainedFailure('thrown')).toBeUndefined();
  });

  it('a data folder that is none, and a .env that is a folder', () => {
    const file = join(folder, 'file');
    writeFileSync(file, '');
    expect(() => openDataFolder(file)).toThrow(ConfigurationError);
    expect(() => openDataFolder(join(file, 'below'))).toThrow(/DATA_DIR .* Example: DATA_DIR=\.data/);
    expect(() => openDataFolder(join(folder, 'new', 'one'))).not.toThrow();
    mkdirSync(join(folder, '.env'));
    expect(() => readEnvironment({}, join(folder, '.env'))).toThrow(ConfigurationError);
    expect(readEnvironment({ PORT: '1' }, join(folder, 'none'))).toEqual({ PORT: '1' });
    writeFileSync(join(folder, 'some'), 'PORT=2\nHOST=127.0.0.2\n');
    expect(readEnvironment({ PORT: '1' }, join(folder, 'some'))).toEqual({ PORT: '1', HOST: '127.0.0.2' });
  });
});

describe('a run.json', () => {
  const socket = join(folder, 'run.sock');
  const written = {
    // Alive, as the number of a dead process may be: somebody else has it now.
    pid: process.pid,
    startedAt: new Date(0).toISOString(),
    socket,
    token: 't',
    url: 'http://localhost:3000',
    logto: { endpoint: 'http://localhost:3001', emulated: true },
    permit: { pdpUrl: 'http://localhost:7766', apiUrl: 'http://localhost:7766', emulated: true },
  };

  it('counts while somebody answers at its socket, and not after that', async () => {
    expect(await findRunning(folder)).toBeUndefined();
    writeRunFile(folder, written);
    expect(await findRunning(folder)).toBeUndefined();
    const server = createSocketServer().listen(socket);
    await once(server, 'listening');
    expect(await findRunning(folder)).toEqual(written);
    server.close();
    await once(server, 'close');
    expect(await findRunning(folder)).toBeUndefined();
  });
});

describe('while it starts', () => {
  it('the application is alive and not ready, in the shape of every answer', async () => {
    const server = createServer(answerWhileStarting).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const [live, ready] = [await fetch(`${url}/livez`), await fetch(`${url}/readyz`)];
    expect([live.status, ready.status]).toEqual([200, 503]);
    expect(ready.headers.get('retry-after')).toBe('1');
    const problem = (await ready.json()) as { code: string; instance: string };
    expect(problem).toMatchObject({ code: 'upstream_unavailable', status: 503 });
    expect(problem.instance).toBe(ready.headers.get('x-request-id'));
    server.close();
    server.closeAllConnections();
  });
});

describe('what the banner tells', () => {
  it('is where the database is, and no password, wherever it stands', () => {
    const config = readConfig({
      DATABASE_URL: 'postgres://me:s3cr3t@db.example/app?password=s3cr3t&sslmode=verify-full',
    });
    const banner = bannerOf({ config, version: '0.0.0', tookMs: 1, metricsUrl: undefined });
    expect(banner).toContain('postgres://me@db.example/app');
    expect(banner).not.toContain('s3cr3t');
  });
});

describe('a reconcile without a Management API', () => {
  it('is a wrong configuration', async () => {
    const dataDir = join(folder, 'no-management');
    await (await openDatabase({ dataDir, log: pino({ level: 'silent' }) })).close();
    const env = {
      DATA_DIR: dataDir,
      LOGTO_ENDPOINT: 'http://127.0.0.1:9',
      LOGTO_API_RESOURCE: 'http://localhost:3000/api',
      LOGTO_WEBHOOK_SIGNING_KEYS: 'a-key-of-this-test',
    };
    const { code, err } = await runCommand(reconcileCommand, ['--dry-run'], { env });
    expect([code, err]).toEqual([2, expect.stringMatching(/LOGTO_M2M_APP_ID/)]);
  });
});
