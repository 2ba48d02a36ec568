import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import type { Command, CommandContext } from '../../src/commands/command.ts';
import { doctorCommand } from '../../src/commands/doctor.ts';
import { inboxCommand } from '../../src/commands/inbox.ts';
import { policyCommand } from '../../src/commands/policy.ts';
import { reconcileCommand } from '../../src/commands/reconcile.ts';
import { findRunning } from '../../src/embedded/run-file.ts';
import { demoSeed } from '../../src/emulators/seed.ts';
import { createGate, definePolicy } from '../../src/index.ts';
import { startEmulators, type TestEmulators } from '../../src/testing.ts';
import { runCommand } from '../support/run-command.ts';

// Somebody else's application, which knows none of the reference application's roles but one.
const catalogue = {
  resources: { notes: { actions: ['read', 'write'] } },
  roles: { manager: ['notes:read', 'notes:write'], staff: ['notes:read'] },
} as const;
const policy = definePolicy(catalogue);
const seed = {
  ...demoSeed,
  roles: ['manager', 'staff'],
  users: demoSeed.users.map(({ role, ...user }) => (role ? { ...user, role: 'staff' } : user)),
  applications: demoSeed.applications.map(({ role, ...application }) =>
    role ? { ...application, role: 'staff' } : application,
  ),
  organizations: [{ id: 'acme00000000', name: 'acme', members: { alice: ['manager'], bob: ['staff'] } }],
};

const folder = mkdtempSync(join(tmpdir(), 'elp-installed-'));
const dataDir = join(folder, 'notes');
const file = join(folder, 'policy.mjs');
let emulators: TestEmulators;
let env: Record<string, string>;

const newGate = () =>
  createGate({
    ...emulators.gate,
    permit: { ...emulators.gate.permit, defaultRole: 'staff' },
    policy,
    database: { dataDir },
    log: pino({ level: 'silent' }),
  });
const run = (command: Command, parameters: string[], more: Partial<CommandContext> = {}) =>
  runCommand(command, parameters, { env, installed: true, ...more });
const rolesOfAlice = async () => {
  const gate = createGate({
    ...emulators.gate,
    permit: { ...emulators.gate.permit, readOnly: true },
    policy,
  });
  return (await gate.directory.assignmentsOf('alice0000000')).map(
    ({ role, tenant }) => `${role} in ${tenant}`,
  );
};

beforeAll(async () => {
  writeFileSync(file, `export const policy = ${JSON.stringify(catalogue)};`);
  emulators = await startEmulators({ policy, seed });
  const { logto, permit } = emulators.gate;
  env = {
    DATA_DIR: dataDir,
    LOGTO_ENDPOINT: logto.endpoint,
    LOGTO_WEBHOOK_SIGNING_KEYS: String(logto.webhookSigningKeys),
    LOGTO_M2M_APP_ID: String(logto.management?.appId),
    LOGTO_M2M_APP_SECRET: String(logto.management?.appSecret),
    PERMIT_API_KEY: permit.apiKey,
    PERMIT_API_URL: String(permit.apiUrl),
    PERMIT_PDP_URL: permit.pdpUrl,
    PERMIT_DEFAULT_ROLE: 'staff',
  };
  const gate = newGate();
  await gate.start();
  await gate.sync.reconcile();
  await gate.sync.settled();
  await gate.stop();
}, 120_000);
afterAll(async () => {
  await emulators.close();
  rmSync(folder, { recursive: true, force: true });
});

describe('in the application of somebody else', () => {
  it.each([
    ['reconcile', reconcileCommand, ['--yes']],
    ['reconcile', reconcileCommand, ['--dry-run']],
    ['policy', policyCommand, ['push', '--yes']],
    ['policy', policyCommand, ['diff']],
  ])('%s asks which policy is meant, and takes no other: %#', async (_name, command, parameters) => {
    await expect(run(command, parameters)).rejects.toMatchObject({
      name: 'UsageError',
      message: expect.stringMatching(/--policy FILE/),
    });
    expect(await rolesOfAlice()).toContain('manager in acme00000000');
  });

  it('reconcile leaves the roles alone that the policy has', async () => {
    const { code, lines } = await run(reconcileCommand, ['--yes', '--policy', file]);
    const { report } = JSON.parse(lines.at(-1) ?? '{}');
    expect([code, report.total]).toEqual([0, 0]);
    expect(await rolesOfAlice()).toContain('manager in acme00000000');
    // That is what it would have been with the reference application's, where nobody is a manager.
    const wrong = await run(reconcileCommand, ['--dry-run'], {
      installed: false,
      env: { ...env, PERMIT_DEFAULT_ROLE: '' },
    });
    const { diff } = JSON.parse(wrong.lines.at(-1) ?? '{}').report;
    expect(diff).toContainEqual(
      expect.objectContaining({ do: 'unassign', subject: 'alice0000000', role: 'manager' }),
    );
  });

  it('policy compares the file', async () => {
    expect(await run(policyCommand, ['diff', '--policy', file])).toMatchObject({ code: 0 });
  });

  it('doctor compares the policy that it is told of, and says so when it is told of none', async () => {
    const told = await run(doctorCommand, ['--policy', file]);
    expect(told.out).toMatch(/the environment has the policy/);
    const untold = await run(doctorCommand, []);
    expect(untold.out).toMatch(
      /warn +permit +nobody said which policy[\s\S]*npx logto-permit doctor --policy FILE/,
    );
    expect(untold.out).not.toMatch(/lacks/);
  });

  it('names a default role that the policy lacks', async () => {
    const viewer = { ...env, PERMIT_DEFAULT_ROLE: 'viewer' };
    await expect(run(reconcileCommand, ['--policy', file], { env: viewer })).rejects.toMatchObject({
      name: 'ConfigurationError',
      message: expect.stringMatching(/PERMIT_DEFAULT_ROLE "viewer" is no role .*manager, staff/),
    });
  });

  it('a folder that can hold no socket keeps no gate from its start', async () => {
    // In the place of the socket, and not to be removed as one.
    const place = join(dataDir, 'run.sock');
    mkdirSync(place);
    const gate = newGate();
    await gate.start();
    expect(await gate.inbox.list()).toEqual([]);
    expect(await findRunning(dataDir)).toBeUndefined();
    await gate.stop();
    rmSync(place, { recursive: true });
  });

  it('commands come in to the gate that has the embedded database, and to its folder afterwards', async () => {
    const gate = newGate();
    await gate.start();
    try {
      expect(await findRunning(dataDir)).toMatchObject({ pid: process.pid, permit: { emulated: false } });
      expect(await run(inboxCommand, ['list'])).toMatchObject({ code: 0 });
      // The application has its own policy, so that nobody has to name one.
      const { code, lines } = await run(reconcileCommand, ['--yes']);
      expect([code, JSON.parse(lines.at(-1) ?? '{}').report.total]).toEqual([0, 0]);
    } finally {
      await gate.stop();
    }
    expect(await findRunning(dataDir)).toBeUndefined();
    expect(await run(inboxCommand, ['list'])).toMatchObject({ code: 0 });
  });
});
