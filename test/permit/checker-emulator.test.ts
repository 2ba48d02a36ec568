import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { systemClock } from '../../src/clock.ts';
import {
  type PermitEmulator,
  startPermitEmulator,
} from '../../src/emulators/permit/start-permit-emulator.ts';
import { definePolicy } from '../../src/permission/define-policy.ts';
import { type CheckerOptions, createChecker } from '../../src/permit/create-checker.ts';
import { createDirectory } from '../../src/permit/directory.ts';
import { createExplainer } from '../../src/permit/explain.ts';

const log = pino({ level: 'silent' });
const policy = definePolicy({
  resources: { reports: { actions: ['view', 'edit'], roles: { reader: ['view'] } } },
  roles: {
    admin: ['reports:view', 'reports:edit'],
    editor: ['reports:view', 'reports:edit'],
    viewer: ['reports:view'],
  },
});
const view = (key?: string) => ({
  user: { key: 'temp' },
  action: 'view',
  resource:
    key === undefined ? { type: 'reports', tenant: 'default' } : { type: 'reports', key, tenant: 'default' },
});

let permit: PermitEmulator;
beforeAll(async () => {
  permit = await startPermitEmulator({ policy });
});
afterAll(() => permit.close());
const checkerOf = (more: Partial<CheckerOptions> = {}) =>
  createChecker({ pdpUrl: permit.pdpUrl, apiKey: permit.keys.environment, log, timeoutMs: 900, ...more });
const directoryOf = () =>
  createDirectory({ apiKey: permit.keys.environment, apiUrl: permit.url, clock: systemClock });
const role = { user: 'temp', role: 'viewer', tenant: 'default' };

describe('decisions of an engine', () => {
  it('follow a revoked role with the next question, without a cache', async () => {
    const [checker, directory] = [checkerOf(), directoryOf()];
    await directory.syncUser({ key: 'temp' });
    await directory.assign(role);
    expect(await checker.isAllowed(view())).toBe(true);
    expect(await checker.isAllowed({ ...view(), action: 'edit' })).toBe(false);
    await directory.unassign(role);
    expect(await checker.isAllowed(view())).toBe(false);
    await checker.stop();
  });

  it('follow it within the time to live with a cache, and at once when told', async () => {
    let nowMs = 0;
    const checker = checkerOf({ cacheTtlMs: 5000, clock: { now: () => nowMs } });
    const directory = directoryOf();
    await directory.syncUser({ key: 'temp' });
    await directory.assign(role);
    expect(await checker.isAllowed(view())).toBe(true);
    await directory.unassign(role);
    expect(await checker.isAllowed(view())).toBe(true);
    expect(await checker.isAllowed(view(), { fresh: true })).toBe(false);
    await directory.assign(role);
    nowMs += 5001;
    expect(await checker.isAllowed(view())).toBe(true);
    await directory.unassign(role);
    await checker.forget({ user: 'temp' });
    expect(await checker.isAllowed(view())).toBe(false);
    await checker.stop();
  });

  it('are asked for in bulk and as a map, each with its own truth', async () => {
    const [checker, directory] = [checkerOf(), directoryOf()];
    await directory.syncUser({ key: 'temp' });
    await directory.createInstance({ type: 'reports', key: 'r1', tenant: 'default' });
    await directory.assign({
      user: 'temp',
      role: 'reader',
      tenant: 'default',
      resourceInstance: 'reports:r1',
    });
    const answers = await Promise.all(
      [view(), view('r1'), view('r2')].map((question) => checker.isAllowed(question)),
    );
    expect(answers).toEqual([false, true, false]);
    const map = await checker.permissionsOf({ user: 'temp', tenant: 'default', resourceTypes: ['reports'] });
    expect(map['reports:r1']).toMatchObject({
      permissions: ['reports:view'],
      resource: { type: 'reports', key: 'r1' },
    });
    await checker.stop();
  });

  it('are explained', async () => {
    const explainer = createExplainer({
      pdpUrl: permit.pdpUrl,
      apiKey: permit.keys.environment,
      timeoutMs: 2000,
    });
    const { allowed, reasons } = await explainer.explain({ ...view(), action: 'edit' });
    expect(allowed).toBe(false);
    expect(reasons.find(({ model }) => model === 'rbac')?.code).toBeTruthy();
    await explainer.close();
  });

  it('are refused to a wrong key, with a code of their own', async () => {
    const checker = checkerOf({ apiKey: 'permit_key_wrong' });
    await expect(checker.isAllowed(view())).rejects.toMatchObject({
      status: 503,
      logCode: 'permit_key_refused',
    });
    await checker.stop();
  });
});
