import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { Permit } from 'permitio';
import { environmentFor, freshToken, type RunningApp, runEntry, startApp } from '../support/app-process.ts';
import { openVisitor } from '../support/app-visitor.ts';
import { execFile, spawn } from '../support/child-process.ts';
import { until } from '../support/until.ts';

const dataDir = mkdtempSync(join(tmpdir(), 'elp-process-'));
let app: RunningApp | undefined;
afterAll(async () => {
  await app?.kill();
  rmSync(dataDir, { recursive: true, force: true });
});

const shell = (line: string) => execFile('bash', ['-c', line]);

/** Everybody's roles at Permit as its own SDK tells them: `user role@tenant`, and the object if it is on one. */
async function grantsOf(running: RunningApp): Promise<string[]> {
  const { permitUrl } = running;
  const permit = new Permit({ token: 'permit_key_environment', apiUrl: permitUrl, pdp: permitUrl });
  const all = await permit.api.roleAssignments.list({ perPage: 100 });
  return all
    .map(({ user, role, tenant, resource_instance: object }) =>
      `${user} ${role}@${tenant} ${object ?? ''}`.trim(),
    )
    .sort();
}

/** What each of the demo people finds in the list, in each of their tenants. */
async function reportsOf(running: RunningApp): Promise<string[][]> {
  const found: string[][] = [];
  for (const [user, organization] of [
    ['alice'],
    ['bob', 'acme'],
    ['carol'],
    ['carol', 'acme'],
    ['erin', 'globex'],
  ]) {
    const token = await freshToken(running.logtoUrl, user ?? '', organization);
    const answer = await fetch(`${running.url}/api/reports`, {
      headers: { Authorization: `Bearer ${token}` },
    });
    const { items } = (await answer.json()) as { items: { id: string; ownerId: string; title: string }[] };
    found.push(items.map(({ id, ownerId, title }) => `${user}@${organization}: ${id} ${ownerId} ${title}`));
  }
  return found;
}

/** A fault of the Permit emulator, until it is started anew. */
const troublePermit = (running: RunningApp, fault: object) =>
  fetch(`${running.permitUrl}/_emulator/faults`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(fault),
  });

describe('npm start as a process of its own', () => {
  it('makes everything, says so, and prints three calls that work when pasted', async () => {
    app = await startApp(dataDir);
    expect(app.output()).toMatch(/Making the embedded database/);
    expect(app.output()).toMatch(/Logto {8}embedded {2}http/);
    for (const name of ['alice', 'bob', 'carol', 'dave', 'erin', 'mallory'])
      expect(app.output()).toMatch(name);
    expect((await fetch(`${app.url}/readyz`)).status).toBe(200);

    const lines = app
      .output()
      .split('\n')
      .filter((line) => line.startsWith('curl '));
    const statuses: string[] = [];
    for (const line of lines) statuses.push((await shell(line)).stdout.split(' ')[1] ?? '');
    expect(statuses).toEqual(['200', '200', '403']);
  }, 120_000);

  it('keeps secrets to its owner', () => {
    const names = readdirSync(dataDir);
    expect(names).toEqual(expect.arrayContaining(['secrets.json', 'run.json', 'run.sock', 'permit.sqlite']));
    const open = names.filter((name) => (statSync(join(dataDir, name)).mode & 0o077) !== 0);
    expect(open).toEqual([]);
  });

  it('refuses a second process on the same folder, clearly', async () => {
    const { code, stderr } = await runEntry('src/server.ts', [], environmentFor(dataDir));
    expect(code).toBe(1);
    expect(stderr).toMatch(dataDir);
    expect(stderr).not.toMatch(/ at .*\.ts:/);
  }, 60_000);

  it('loses nobody to kill -9 between the answer to a webhook and its work', async () => {
    if (!app) throw new Error('not started');
    const bob = { Authorization: `Bearer ${await freshToken(app.logtoUrl, 'bob')}` };
    const created = await fetch(`${app.url}/api/reports`, {
      method: 'POST',
      headers: { ...bob, 'Content-Type': 'application/json' },
      body: JSON.stringify({ title: 'Kept', body: 'over the kill' }),
    });
    const report = (await created.json()) as { id: string };
    const visitor = openVisitor(app.url, app.logtoUrl);
    await visitor.signIn('alice');
    expect((await visitor.call('GET', '/api/me')).status).toBe(200);

    const before = { grants: await grantsOf(app), reports: await reportsOf(app) };
    expect(before.grants).toEqual(
      expect.arrayContaining([`bob000000000 owner@default reports:${report.id}`]),
    );

    // Permit hangs, so that the work cannot be done; the webhook's own answer does not wait for it.
    await troublePermit(app, { match: { path: '/v2/facts*' }, hang: true });
    const newcomer = openVisitor(app.url, app.logtoUrl);
    await newcomer.signUp({ username: 'newcomer' });
    const deliveries = await until(async () => {
      const all = (await (await fetch(`${app?.logtoUrl}/_emulator/deliveries`)).json()) as Delivery[];
      const accepted = all.filter(({ attempts }) => attempts.some(({ status }) => status === 200));
      return accepted.length >= 2 && accepted;
    });
    const letter = JSON.parse(deliveries[0]?.rawBody ?? '{}');
    const id: string = letter.userId ?? letter.data.id;
    const state = await (await fetch(`${app.permitUrl}/_emulator/state`)).text();
    expect([state.includes('bob000000000'), state.includes(id)]).toEqual([true, false]);
    const ports = portsOf(app);
    await app.kill('SIGKILL');

    app = await startApp(dataDir, ports);
    const running = app;
    const { url, readyMs } = running;
    // Before the newcomer asks for anything: the letter did it, once, and nobody else lost or got a thing.
    await until(async () => (await grantsOf(running)).some((grant) => grant.startsWith(id)), 20_000);
    expect(await grantsOf(running)).toEqual([...before.grants, `${id} viewer@default`].sort());
    expect(await reportsOf(running)).toEqual(before.reports);
    // The sessions of before: the newcomer's and Alice's.
    expect((await newcomer.call('GET', '/api/reports')).status).toBe(200);
    expect((await newcomer.call('POST', '/api/reports', { title: 'No', body: '' })).status).toBe(403);
    expect((await visitor.call('GET', '/api/me')).status).toBe(200);
    expect((await visitor.call('GET', '/api/members')).status).toBe(200);

    const again = { Authorization: `Bearer ${await freshToken(running.logtoUrl, 'bob')}` };
    const kept = await fetch(`${url}/api/reports/${report.id}`, { headers: again });
    expect(await kept.json()).toMatchObject({ title: 'Kept', ownerId: 'bob000000000' });
    // The owner's right is on the instance: an editor may not delete.
    expect(
      (await fetch(`${url}/api/reports/${report.id}`, { method: 'DELETE', headers: again })).status,
    ).toBe(204);
    expect(readyMs).toBeLessThan(30_000);
  }, 120_000);

  it('ends in order on SIGTERM: answers what is under way, and leaves no run.json behind', async () => {
    if (!app) throw new Error('not started');
    const { url, permitUrl } = app;
    const headers = { Authorization: `Bearer ${await freshToken(app.logtoUrl, 'carol')}` };
    const asked = async () => {
      const all = (await (await fetch(`${permitUrl}/_emulator/requests`)).json()) as { status?: number }[];
      return all.filter(({ status }) => status === undefined).length;
    };
    await troublePermit(app, { match: { path: '/allowed*' }, delayMs: 350 });
    const underWay = Array.from({ length: 5 }, () => request(`${url}/api/reports`, { headers }).end());
    const answers = underWay.map(async (call) => ((await once(call, 'response')) as [IncomingMessage])[0]);
    // Sent, every one of them; the questions of one turn may share a call.
    await Promise.all(underWay.map((call) => once(call, 'finish')));
    await until(async () => (await asked()) > 0);
    const code = app.kill('SIGTERM');
    const statuses = (await Promise.all(answers)).map((answer) => answer.resume().statusCode);
    expect(statuses).toEqual([200, 200, 200, 200, 200]);
    expect(await code).toBe(0);
    expect(() => readFileSync(join(dataDir, 'run.json'))).toThrow('ENOENT');
  }, 60_000);
});

describe('a signal', () => {
  it('ends a start that is under way, and a Ctrl-C that is told twice is one', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'elp-signal-'));
    const early = spawn(
      process.execPath,
      ['--conditions=source', join(import.meta.dirname, '../../src/server.ts')],
      { cwd: folder, env: environmentFor(folder), stdio: 'ignore' },
    );
    const ended = once(early, 'close');
    await until(() => existsSync(join(folder, 'secrets.json')));
    early.kill('SIGTERM');
    // To process 1 of a container a signal that nobody handles is none.
    expect(await ended).toEqual([0, null]);

    const running = await startApp(folder);
    running.child.kill('SIGINT');
    expect(await running.kill('SIGINT')).toBe(0);
    expect(running.output()).toMatch(/SIGINT: answering what is under way/);
    rmSync(folder, { recursive: true, force: true });
  }, 60_000);
});

describe('the command', () => {
  it('helps, and takes no parameters', async () => {
    const [help, wrong] = await Promise.all([
      runEntry('src/server.ts', ['--help'], environmentFor(dataDir)),
      runEntry('src/server.ts', ['--port', '3000'], environmentFor(dataDir)),
    ]);
    expect([help.code, help.stdout]).toEqual([0, expect.stringMatching(/^Usage: npm start[\s\S]*Exit: 0 /)]);
    expect([wrong.code, wrong.stderr]).toEqual([
      2,
      expect.stringMatching(/--port 3000[\s\S]*Usage: npm start/),
    ]);
  });
});

describe('a wrong configuration', () => {
  it('is one report of every mistake, and exit 2', async () => {
    const env = environmentFor(dataDir, {
      PORT: 'eighty',
      PERMIT_API_KEY: 'permit_key_real',
      LOG_LEVEL: 'loud',
    });
    const { code, stderr } = await runEntry('src/server.ts', [], env);
    expect(code).toBe(2);
    for (const name of ['PORT', 'LOG_LEVEL', 'PERMIT_API_KEY'])
      expect(stderr).toMatch(new RegExp(`- ${name} .*Example`));
  });

  it('in production refuses the emulators', async () => {
    const { code, stderr } = await runEntry(
      'src/server.ts',
      [],
      environmentFor(dataDir, { NODE_ENV: 'production' }),
    );
    expect(code).toBe(2);
    expect(stderr).toMatch(/LOGTO_ENDPOINT/);
    expect(stderr).toMatch(/PERMIT_API_KEY/);
  });
});

type Delivery = { rawBody: string; attempts: { status?: number }[] };

/** The same addresses after the restart: tokens name their issuer, cookies their origin. */
function portsOf({ url, logtoUrl, permitUrl }: RunningApp): Record<string, string> {
  return {
    PORT: new URL(url).port,
    LOGTO_EMULATOR_PORT: new URL(logtoUrl).port,
    PERMIT_EMULATOR_PORT: new URL(permitUrl).port,
  };
}
