import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { readConfig } from '../../src/app/config.ts';
import type { Command, CommandContext } from '../../src/commands/command.ts';
import { doctorCommand } from '../../src/commands/doctor.ts';
import { readSeed } from '../../src/commands/emulator-seed.ts';
import { emulatorsCommand } from '../../src/commands/emulators.ts';
import { inboxCommand } from '../../src/commands/inbox.ts';
import { policyCommand } from '../../src/commands/policy.ts';
import { reconcileCommand } from '../../src/commands/reconcile.ts';
import { routesCommand } from '../../src/commands/routes.ts';
import { type Application, serve } from '../../src/commands/serve.ts';
import { startPermitEmulator } from '../../src/emulators/permit/start-permit-emulator.ts';
import { blocksOf } from '../support/app-documents.ts';
import { environmentFor, runEntry } from '../support/app-process.ts';
import { execFile } from '../support/child-process.ts';
import { runCommand } from '../support/run-command.ts';
import { until } from '../support/until.ts';

const dataDir = mkdtempSync(join(tmpdir(), 'elp-commands-'));
const env = environmentFor(dataDir, { RECONCILE_EVERY_MINUTES: '-1' });
let application: Application;

beforeAll(async () => {
  const log = pino({ level: 'silent' });
  application = await serve({ config: readConfig(env), version: '0.0.0', log, say: () => undefined });
}, 120_000);
afterAll(async () => {
  await application.close();
  rmSync(dataDir, { recursive: true, force: true });
});

const run = (command: Command, parameters: string[], more: Partial<CommandContext> = {}) =>
  runCommand(command, parameters, { env, ...more });

describe('doctor', () => {
  it('finds nothing to mend beside the running application', async () => {
    // Permit knows its users only after Logto has been compared once.
    await run(reconcileCommand, ['--yes']);
    const { code, out } = await run(doctorCommand, []);
    expect(out).not.toMatch(/FAIL/);
    expect(out).toMatch(/embedded in .* asked through the running application/);
    expect(out).toMatch(/the environment has the policy/);
    expect([code, out.split('\n').at(-1)]).toEqual([0, 'All is well.']);
  });

  const nowhere = {
    ...env,
    DATA_DIR: join(dataDir, 'none'),
    LOGTO_ENDPOINT: 'http://127.0.0.1:9',
    LOGTO_WEBHOOK_SIGNING_KEYS: 'a-key-that-is-long-enough',
    PERMIT_API_KEY: 'permit_key_wrong',
    PERMIT_API_URL: 'http://127.0.0.1:9',
    PERMIT_PDP_URL: 'http://127.0.0.1:9',
  };

  it('says what is wrong and how to mend it', async () => {
    const { code, lines } = await run(doctorCommand, ['--json'], { env: nowhere });
    const failed = lines.map((line) => JSON.parse(line)).filter(({ state }) => state === 'fail');
    expect(code).toBe(1);
    expect(failed.map(({ part }) => part).sort()).toEqual(['logto', 'permit', 'permit']);
    for (const { mend } of failed) expect(mend).toMatch(/check [A-Z_]+/);
  });

  it('tells a lock that cannot be used from one that somebody holds', async () => {
    const broken = join(dataDir, 'broken');
    mkdirSync(join(broken, 'database'), { recursive: true });
    writeFileSync(join(broken, 'database.lock'), 'x'.repeat(5_000));
    const { code, out } = await run(doctorCommand, [], { env: { ...nowhere, DATA_DIR: broken } });
    expect(code).toBe(1);
    expect(out).toMatch(/FAIL {2}database +.*database\.lock, the lock of the data folder, cannot be used/);
    expect(out).not.toContain('DATABASE_URL');
  });

  it('names every mistake of the configuration, exit 2', async () => {
    const { code, out } = await run(doctorCommand, [], { env: { PORT: 'x', LOG_LEVEL: 'y' } });
    expect(code).toBe(2);
    expect(out).toMatch(/FAIL {2}configuration PORT/);
    expect(out).toMatch(/FAIL {2}configuration LOG_LEVEL/);
  });
});

describe('inbox, through the running application', () => {
  it('lists, shows, replays and drops', async () => {
    const logtoUrl = /Logto {8}embedded {2}(\S+)/.exec(application.banner)?.[1];
    for (const event of ['User.Data.Updated', 'Nothing.Known']) {
      await fetch(`${logtoUrl}/_emulator/webhooks`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ event, user: 'dave' }),
      });
    }
    const listed = await until(async () => {
      const { lines } = await run(inboxCommand, ['list', '--event', 'User.Data.Updated']);
      const letters = lines.map((line) => JSON.parse(line) as { id: string; status: string });
      return letters[0]?.status === 'done' && letters;
    });
    const id = listed[0]?.id ?? '';
    expect(JSON.parse((await run(inboxCommand, ['show', id])).out)).toMatchObject({
      id,
      work: [{ subject: 'user:dave00000000' }],
    });
    expect((await run(inboxCommand, ['replay', id])).out).toBe('1 opened again.');
    expect((await run(inboxCommand, ['list', '--status', 'ignored'])).lines).toHaveLength(1);
    expect((await run(inboxCommand, ['drop', '--all'])).out).toBe('0 dropped.');
    expect((await run(inboxCommand, ['show', '999999'])).code).toBe(1);
    expect((await run(inboxCommand, ['replay', '999999'])).code).toBe(1);
    // The replayed letter is worked again, by the application and in its own time.
    await until(async () =>
      /0 open, 0 dead/.test((await run(inboxCommand, ['list'], { isTerminal: true })).out),
    );
  });

  it.each([
    [['replay']],
    [['list', '--status', 'lost']],
    [['list', '--limit', 'x']],
    [['find']],
    [['show']],
    [['list', '--colour']],
  ])('refuses %j', async (parameters) => {
    await expect(run(inboxCommand, parameters)).rejects.toThrow(
      expect.objectContaining({ name: 'UsageError' }),
    );
  });
});

describe('reconcile', () => {
  it('shows the plan, applies it, and then has nothing to do', async () => {
    await run(reconcileCommand, ['--yes']);
    const { code, lines } = await run(reconcileCommand, ['--dry-run']);
    const last = JSON.parse(lines.at(-1) ?? '{}');
    expect([code, last.report.total]).toEqual([0, 0]);
    expect(lines.slice(0, -1).every((line) => 'progress' in JSON.parse(line))).toBe(true);
  });

  it('asks a person, and takes no for an answer', async () => {
    const nothing = await run(reconcileCommand, [], { isTerminal: true });
    expect([nothing.code, nothing.out]).toEqual([0, expect.stringMatching(/Nothing to do/)]);

    const permitUrl = String(/Permit\.io {4}embedded {2}(\S+)/.exec(application.banner)?.[1]);
    const removed = await fetch(`${permitUrl}/v2/facts/default/dev/users/erin00000000`, {
      method: 'DELETE',
      headers: { Authorization: 'Bearer permit_key_environment' },
    });
    expect(removed.status).toBe(204);
    const asked: string[] = [];
    const answering = (answer: boolean) => ({
      isTerminal: true,
      ask: async (question: string) => asked.push(question) > 0 && answer,
    });
    const refused = await run(reconcileCommand, [], answering(false));
    expect([refused.code, asked]).toEqual([1, [expect.stringMatching(/Apply/)]]);
    expect(refused.out).toMatch(/\+ create erin00000000/);
    expect((await run(reconcileCommand, ['--dry-run'])).code).toBe(1);
    expect((await run(reconcileCommand, [], answering(true))).code).toBe(0);
    expect((await run(reconcileCommand, ['--dry-run'])).code).toBe(0);
  });

  it.each([['--max-deletes', 'many'], ['--max-deletes', '300%'], ['--now']])(
    'refuses %s %s',
    async (...parameters) => {
      await expect(
        run(
          reconcileCommand,
          parameters.filter((p) => typeof p === 'string'),
        ),
      ).rejects.toThrow(expect.objectContaining({ name: 'UsageError' }));
    },
  );
});

describe('policy', () => {
  /** A Permit that knows nothing, and the variables that lead to it. */
  async function emptyEnvironment() {
    const permit = await startPermitEmulator({});
    const { url, keys } = permit;
    const own = { ...env, PERMIT_API_KEY: keys.environment, PERMIT_API_URL: url, PERMIT_PDP_URL: url };
    return { permit, own };
  }

  it('writes nothing to a real Permit while Logto is emulated', async () => {
    const mixed = { ...env, PERMIT_API_KEY: 'permit_key_of_somebody', ALLOW_MIXED_SERVICES: 'true' };
    await expect(run(policyCommand, ['push', '--yes'], { env: mixed })).rejects.toMatchObject({
      name: 'UsageError',
      message: expect.stringContaining('LOGTO_ENDPOINT'),
    });
  });

  it('agrees with the environment that was seeded by it', async () => {
    expect(await run(policyCommand, ['diff'])).toMatchObject({
      code: 0,
      out: expect.stringMatching(/agrees with/),
    });
  });

  it('is pushed into an empty environment once; a second time there is nothing to do', async () => {
    const { own, permit } = await emptyEnvironment();
    try {
      expect((await run(policyCommand, ['check'], { env: own })).code).toBe(1);
      expect(await run(policyCommand, ['push'], { env: own })).toMatchObject({
        code: 0,
        out: expect.stringMatching(/done/),
      });
      expect((await run(policyCommand, ['push'], { env: own })).out).toBe('Nothing to do.');
      expect((await run(policyCommand, ['check'], { env: own })).code).toBe(0);
    } finally {
      await permit.close();
    }
  });

  it('fails when it left something that the catalogue needs', async () => {
    const { own, permit } = await emptyEnvironment();
    const file = join(dataDir, 'policy.mjs');
    const push = async (parent: string, ...more: string[]) => {
      const resources = {
        notes: { actions: ['read'], relations: { parent } },
        folders: { actions: ['read'] },
        shelves: { actions: ['read'] },
      };
      // Another name each time: a module is read once.
      const made = `${file}.${parent}.mjs`;
      writeFileSync(made, `export const policy = ${JSON.stringify({ resources, roles: { viewer: [] } })};`);
      return run(policyCommand, ['push', '--policy', made, ...more], { env: own });
    };
    try {
      expect((await push('folders')).code).toBe(0);
      // A relation is replaced, which takes away what hangs on it.
      const left = await push('shelves');
      expect([left.code, left.err]).toEqual([1, expect.stringMatching(/left \+ relation .*parent/)]);
      expect((await push('shelves', '--deletes')).code).toBe(0);
    } finally {
      await permit.close();
    }
  });

  it('makes the document that permit reads', async () => {
    const document = JSON.parse((await run(policyCommand, ['openapi'])).out);
    expect(document.paths['/api/reports']).toMatchObject({
      'x-permit-resource': 'reports',
      get: { 'x-permit-action': 'view', summary: 'Reports that the caller may see, newest first' },
    });
  });

  it.each([[[]], [['apply']], [['diff', '--policy', '/nowhere.ts']]])('refuses %j', async (parameters) => {
    await expect(run(policyCommand, parameters)).rejects.toThrow(
      expect.objectContaining({ name: 'UsageError' }),
    );
  });
});

describe('routes', () => {
  it('lists every route, all of them guarded', async () => {
    const { code, out } = await run(routesCommand, ['--json']);
    const rows = JSON.parse(out) as {
      method: string;
      path: string;
      guarded: boolean;
      permission: string | null;
    }[];
    expect(code).toBe(0);
    expect(rows).toContainEqual(
      expect.objectContaining({ method: 'POST', path: '/api/reports', permission: 'reports:create' }),
    );
    expect(rows.every(({ guarded }) => guarded)).toBe(true);
    expect((await run(routesCommand, [])).lines[0]).toMatch(/^METHOD +PATH/);
  });
});

describe('emulators', () => {
  it('run alone until they are told to end', async () => {
    const ending = new AbortController();
    const printed: string[] = [];
    const ended = run(emulatorsCommand, ['--permit-port', '0', '--seed', 'empty'], {
      signal: ending.signal,
      // The application's variable, which the message about a taken port names.
      env: { ...env, LOGTO_EMULATOR_PORT: '0' },
      out: (line) => void printed.push(line),
    });
    const endpoint = await until(async () =>
      printed.find((line) => line.startsWith('LOGTO_ENDPOINT='))?.slice(15),
    );
    expect((await fetch(`${endpoint}/oidc/.well-known/openid-configuration`)).status).toBe(200);
    expect(await (await fetch(`${endpoint}/_emulator/state`)).json()).toMatchObject({ users: [] });
    ending.abort();
    expect((await ended).code).toBe(0);
    expect(printed).toContainEqual(
      expect.stringMatching(/^# LOGTO_WEBHOOK_SIGNING_KEYS: with --webhook-url /),
    );
  });

  it('print all that an application needs to use them, the key of its webhook too', async () => {
    const bodies: { signature: string; raw: string }[] = [];
    const receiver = createServer((req, res) => {
      let raw = '';
      req.on('data', (chunk) => {
        raw += chunk;
      });
      req.on('end', () => {
        bodies.push({ raw, signature: String(req.headers['logto-signature-sha-256']) });
        res.end();
      });
    });
    receiver.listen(0, '127.0.0.1');
    await once(receiver, 'listening');
    const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hooks`;
    const ending = new AbortController();
    const printed: string[] = [];
    const ports = ['--logto-port', '0', '--permit-port', '0'];
    const own = ['--webhook-url', url, '--api-resource', 'https://api.example'];
    const ended = run(emulatorsCommand, [...ports, ...own], {
      signal: ending.signal,
      out: (line) => void printed.push(line),
    });
    await until(() => printed.some((line) => line.startsWith('PERMIT_PDP_URL=')));
    const given = Object.fromEntries(
      printed.filter((line) => /^[A-Z_0-9]+=/.test(line)).map((line) => line.split(/=(.*)/s).slice(0, 2)),
    );
    expect(given.LOGTO_API_RESOURCE).toBe('https://api.example');
    await fetch(`${given.LOGTO_ENDPOINT}/_emulator/webhooks`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ event: 'PostSignIn', user: 'alice' }),
    });
    await until(() => bodies.length > 0);
    const [{ raw, signature } = { raw: '', signature: '' }] = bodies;
    expect(createHmac('sha256', String(given.LOGTO_WEBHOOK_SIGNING_KEYS)).update(raw).digest('hex')).toBe(
      signature,
    );
    ending.abort();
    expect((await ended).code).toBe(0);
    receiver.close();
  });

  it('start with the people of a file', async () => {
    const file = join(dataDir, 'seed.json');
    const zoe = {
      id: 'zoe000000000',
      username: 'zoe',
      name: 'Zoe',
      primaryEmail: 'zoe@example.com',
      password: 'p',
    };
    const team = { id: 'team00000000', name: 'team', members: { zoe: ['editor'] } };
    writeFileSync(file, JSON.stringify({ users: [{ ...zoe, role: 'viewer' }], organizations: [team] }));
    const ending = new AbortController();
    const printed: string[] = [];
    const ended = run(emulatorsCommand, ['--logto-port', '0', '--permit-port', '0', '--seed', file], {
      signal: ending.signal,
      out: (line) => void printed.push(line),
    });
    const url = await until(async () =>
      printed.find((line) => line.startsWith('PERMIT_API_URL='))?.slice(15),
    );
    const allowed = await fetch(`${url}/allowed`, {
      method: 'POST',
      headers: { Authorization: 'Bearer permit_key_environment', 'Content-Type': 'application/json' },
      body: JSON.stringify({
        user: { key: zoe.id },
        action: 'edit',
        resource: { type: 'reports', tenant: team.id },
        context: {},
      }),
    });
    expect(await allowed.json()).toMatchObject({ allow: true });
    ending.abort();
    expect((await ended).code).toBe(0);
  });

  it('start with the people of the page', async () => {
    const [block] = blocksOf('docs/testing-your-app.md').filter(({ language }) => language === 'json');
    const file = join(dataDir, 'page-seed.json');
    writeFileSync(file, block?.text ?? '');
    expect(readSeed(file)).toMatchObject({ users: [{ username: 'zoe' }], defaultTenant: 'default' });
  });

  it.each([
    ['no seed', '[]', [/seed: /]],
    ['no JSON', '{', [/cannot be read/]],
    [
      'what is wrong with it, all of it',
      JSON.stringify({
        users: [{ username: 'x', role: 'boss' }],
        organizations: [{ id: 'o', name: 'o', members: { ghost: ['admin'] } }],
        people: [],
      }),
      [/users\.0\.id/, /users\.0\.primaryEmail/, /people/],
    ],
    [
      'who is no member, and what is no role',
      JSON.stringify({ organizations: [{ id: 'o', name: 'o', members: { ghost: ['boss'] } }] }),
      [/members\.ghost: is no username/, /"boss" is none of roles/],
    ],
  ])('refuse a file that holds %s', async (_what, content, problems) => {
    const file = join(dataDir, 'wrong-seed.json');
    writeFileSync(file, content);
    const started = run(emulatorsCommand, ['--logto-port', '0', '--permit-port', '0', '--seed', file]);
    const error: Error = await started.then(
      () => new Error('started'),
      (thrown) => thrown,
    );
    expect(error.name).toBe('UsageError');
    for (const problem of problems) expect(error.message).toMatch(problem);
  });

  it('refuse to run in production', async () => {
    await expect(
      run(emulatorsCommand, ['--logto-port', '0', '--permit-port', '0'], { env: { NODE_ENV: 'production' } }),
    ).rejects.toThrow(/production/);
  });
});

describe('the application in production', () => {
  it('is not ready for a second before its port closes, and answers meanwhile', async () => {
    const logtoUrl = /Logto {8}embedded {2}(\S+)/.exec(application.banner)?.[1];
    const permitUrl = /Permit\.io {4}embedded {2}(\S+)/.exec(application.banner)?.[1];
    const config = readConfig({
      PORT: '0',
      DATA_DIR: join(dataDir, 'production'),
      LOGTO_ENDPOINT: logtoUrl,
      LOGTO_WEBHOOK_SIGNING_KEYS: 'a-key-of-this-test',
      PERMIT_API_KEY: 'permit_key_environment',
      PERMIT_API_URL: permitUrl,
      PERMIT_PDP_URL: permitUrl,
      RECONCILE_EVERY_MINUTES: '-1',
    });
    const log = pino({ level: 'silent' });
    // As it is in production, but for the services, which no emulator may be there.
    const production = await serve({
      config: { ...config, production: true },
      version: '0.0.0',
      log,
      say: () => undefined,
    });
    const status = async (path: string) => (await fetch(`${production.url}${path}`)).status;
    expect([await status('/readyz'), await status('/livez')]).toEqual([200, 200]);
    const closed = production.close();
    expect([await status('/readyz'), await status('/livez')]).toEqual([503, 200]);
    await closed;
    await expect(status('/livez')).rejects.toThrow();
  }, 60_000);
});

describe('the command line', () => {
  it('tells every command, helps with each, and refuses what it does not know', async () => {
    const all = await runEntry('src/cli.ts', ['--help'], env);
    expect([all.code, all.stdout]).toEqual([
      0,
      expect.stringMatching(/doctor[\s\S]*reconcile[\s\S]*inbox[\s\S]*policy[\s\S]*routes[\s\S]*emulators/),
    ]);
    const [help, unknown, wrong] = await Promise.all([
      runEntry('src/cli.ts', ['inbox', '--help'], env),
      runEntry('src/cli.ts', ['invent'], env),
      runEntry('src/cli.ts', ['routes', '--wrong'], env),
    ]);
    expect([help.code, help.stdout]).toEqual([0, expect.stringMatching(/^Usage: logto-permit inbox list/)]);
    expect([unknown.code, unknown.stderr]).toEqual([2, expect.stringMatching(/no command "invent"/)]);
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringMatching(/--wrong/)]);
  });

  it('goes on to its end when its reader has seen enough', async () => {
    const line = `"${process.execPath}" --conditions=source --disable-warning=ExperimentalWarning src/cli.ts routes | true; echo "\${PIPESTATUS[0]}"`;
    const { stdout, stderr } = await execFile('bash', ['-c', line], {
      env,
      cwd: join(import.meta.dirname, '../..'),
    });
    expect([stdout.trim().split('\n').at(-1), stderr]).toEqual(['0', '']);
  });

  it.each([doctorCommand, inboxCommand, policyCommand, reconcileCommand, routesCommand, emulatorsCommand])(
    'has a help for each command',
    (command) => {
      expect(command.help).toMatch(/^Usage: logto-permit [\s\S]*Exit: 0 /);
    },
  );
});
