import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { readConfig } from '../../src/app/config.ts';
import { inboxCommand } from '../../src/commands/inbox.ts';
import { reconcileCommand } from '../../src/commands/reconcile.ts';
import { type Application, serve } from '../../src/commands/serve.ts';
import { environmentFor } from '../support/app-process.ts';
import { runCommand } from '../support/run-command.ts';

const dataDir = mkdtempSync(join(tmpdir(), 'elp-reconcile-'));
const env = environmentFor(dataDir, { RECONCILE_EVERY_MINUTES: '-1' });
let application: Application;
let permitUrl: string;

const bearer = { Authorization: 'Bearer permit_key_environment', 'Content-Type': 'application/json' };
const permit = async (method: string, path: string, body?: unknown) =>
  fetch(`${permitUrl}${path}`, {
    method,
    headers: bearer,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
const fault = (match: object, rule: object) => permit('POST', '/_emulator/faults', { match, ...rule });
const reconcile = async (more: { isTerminal?: boolean } = {}) => {
  const { code, lines, err } = await runCommand(reconcileCommand, ['--yes'], { env, ...more });
  return { code, err, report: more.isTerminal ? undefined : JSON.parse(lines.at(-1) ?? '{}').report, lines };
};

beforeAll(async () => {
  const log = pino({ level: 'silent' });
  application = await serve({ config: readConfig(env), version: '0.0.0', log, say: () => undefined });
  permitUrl = String(/Permit\.io {4}embedded {2}(\S+)/.exec(application.banner)?.[1]);
  expect((await reconcile()).code).toBe(0);
}, 120_000);
beforeEach(async () => {
  await permit('DELETE', '/_emulator/faults');
  expect(await reconcile()).toMatchObject({ code: 0, report: { refused: [] } });
});
afterAll(async () => {
  await application.close();
  rmSync(dataDir, { recursive: true, force: true });
});

const carol = '/v2/facts/default/dev/users/carol0000000';
/** Another e-mail than Logto's: her worker has to put it right. */
const change = () => permit('PATCH', carol, { email: 'old@example.com' });

describe('what a reconcile leaves to its workers', () => {
  it('is awaited, with its progress', async () => {
    expect((await change()).status).toBe(200);
    await fault({ method: 'PUT', path: '*/users/carol0000000' }, { delayMs: 300 });
    const { code, report, lines } = await reconcile();
    expect([code, report.handedOver]).toEqual([0, { waiting: 0, failed: 0, failures: [] }]);
    expect(lines.map((line) => JSON.parse(line).progress?.phase)).toContain('work');
    expect(await (await permit('GET', carol)).json()).toMatchObject({ email: 'carol@example.com' });
  });

  it.each([
    ['will be tried again', 500],
    ['is given up', 422],
  ])('is told when it failed: what %s', async (_what, status) => {
    await change();
    await fault({ method: 'PUT', path: '*/users/carol0000000' }, { status });
    const { code, report } = await reconcile();
    expect([code, report.handedOver.failed]).toEqual([1, 1]);
    expect(report.handedOver.failures).toEqual([{ subject: 'user:carol0000000', why: expect.any(String) }]);
    const person = await reconcile({ isTerminal: true });
    expect(person).toMatchObject({
      code: 1,
      err: expect.stringMatching(/! user:carol0000000: .*\n1 could not be worked now/),
    });
  });

  it('is told when nobody works because the key is refused', async () => {
    await change();
    await fault({ method: 'PUT', path: '*/users/carol0000000' }, { status: 401 });
    const { code, report } = await reconcile();
    expect([code, report.handedOver]).toEqual([
      1,
      { waiting: 1, paused: expect.any(String), failed: 0, failures: [] },
    ]);
    await permit('DELETE', '/_emulator/faults');
    expect((await runCommand(inboxCommand, ['resume'], { env })).code).toBe(0);
  });
});

describe('what the directory refuses of a reconcile itself', () => {
  it('is told, and fails the run', async () => {
    const tenants = '/v2/facts/default/dev/tenants';
    const listed = (await (await permit('GET', tenants)).json()) as { key: string }[];
    const tenant = listed.find(({ key }) => key !== 'default')?.key;
    await permit('PATCH', `${tenants}/${tenant}`, { name: 'Old' });
    await fault({ method: 'PATCH', path: `*/tenants/${tenant}` }, { status: 422 });
    const { code, report } = await reconcile();
    expect([code, report.refused]).toEqual([
      1,
      [{ subject: `organization:${tenant}`, why: expect.any(String) }],
    ]);
  });
});
