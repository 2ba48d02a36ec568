import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { Permit } from 'permitio';
import { startPermitEmulator } from '../../../src/emulators/permit/start-permit-emulator.ts';
import { examplePolicy } from '../../support/permit-policy.ts';
import { startEmulatorProcess } from '../../support/permit-process.ts';
import { sdkFor } from '../../support/permit-sdk.ts';

const KILL_RUNS = Number(process.env.PERMIT_KILL_RUNS ?? 2);
let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'permit-emulator-'));
});
afterEach(() => rmSync(dataDir, { recursive: true }));

it('finds everything again after a stop', async () => {
  const first = await startPermitEmulator({ policy: examplePolicy, dataDir });
  const before = sdkFor(first);
  await before.api.users.sync({ key: 'pat', attributes: { department: 'finance' } });
  await before.api.roleAssignments.assign({
    user: 'pat',
    role: 'keeper',
    resource_instance: 'folders:f1',
    tenant: 'default',
  });
  await before.api.relationshipTuples.create({
    subject: 'folders:f1',
    relation: 'parent',
    object: 'reports:r1',
    tenant: 'default',
  });
  await before.api.roles.create({ key: 'printer', name: 'Printer', permissions: ['reports:view'] });
  await before.api.users.delete('carol0000000');
  const { id } = await before.api.users.get('pat');
  await first.close();

  const second = await startPermitEmulator({ dataDir });
  const after = sdkFor(second);
  expect((await after.api.users.get('pat')).id).toBe(id);
  expect(await after.check('pat', 'view', 'reports:r1')).toBe(true);
  expect(
    await after.check('pat', 'edit', { type: 'reports', tenant: 'default', attributes: { private: false } }),
  ).toBe(true);
  expect(await after.check('carol0000000', 'view', 'reports')).toBe(false);
  expect((await after.api.roles.get('printer')).permissions).toEqual(['reports:view']);
  await second.reset();
  expect(await after.check('pat', 'view', 'reports:r1')).toBe(false);
  await second.close();
});

it('refuses a folder that another one uses', async () => {
  const first = await startPermitEmulator({ dataDir });
  await expect(startPermitEmulator({ dataDir })).rejects.toThrow('in use');
  await first.close();
});

it(`keeps every answered write when it is killed in the middle of others, ${KILL_RUNS} times`, async () => {
  const answered = new Set<string>();
  for (let run = 0; run < KILL_RUNS; run += 1) {
    const emulator = await startEmulatorProcess(dataDir);
    const permit = new Permit({
      token: 'permit_key_environment',
      apiUrl: emulator.url,
      pdp: emulator.url,
      log: { level: 'silent' },
    });
    const writers = Array.from({ length: 4 }, async (_, writer) => {
      for (let i = 0; ; i += 1) {
        const key = `user-${run}-${writer}-${i}`;
        await permit.api.users.create({ key, role_assignments: [{ role: 'viewer', tenant: 'default' }] });
        answered.add(key);
      }
    });
    const enough = answered.size + 40;
    const deadline = performance.now() + 10_000;
    try {
      while (answered.size < enough && performance.now() < deadline) {
        await Promise.race([new Promise(setImmediate), ...writers]);
      }
    } finally {
      await emulator.kill();
    }
    expect(answered.size).toBeGreaterThanOrEqual(enough);
    await Promise.allSettled(writers);
  }

  const emulator = await startPermitEmulator({ dataDir });
  const permit = sdkFor(emulator);
  const checks = [...answered].map((user) => ({ user, action: 'view', resource: 'reports' }));
  expect(await permit.bulkCheck(checks)).toEqual(checks.map(() => true));
  // Nobody is left with half a creation.
  const { data } = await permit.api.users.list({ search: 'user-', perPage: 100 });
  for (const user of data) expect(user.roles).toEqual([{ role: 'viewer', tenant: 'default' }]);
  await emulator.close();
});
