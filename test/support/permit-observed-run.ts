/** A suite that `observed-run.test.ts` runs in a Jest of its own: one emulator in the test's process, one outside. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { startEmulators } from '../../src/testing.ts';
import { startEmulatorProcess } from './permit-process.ts';

const statusOf = async (url: string): Promise<number> => {
  const headers = { Authorization: 'Bearer permit_key_organization' };
  return (await fetch(url, { headers })).status;
};

it('asks two emulators something', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'elp-observed-'));
  const [inside, outside] = await Promise.all([startEmulators(), startEmulatorProcess(dataDir)]);
  expect(await statusOf(`${inside.permit.url}/v2/api-key/scope`)).toBe(200);
  expect(await statusOf(`${outside.url}/v2/projects`)).toBe(200);
  await Promise.all([inside.close(), outside.kill()]);
  rmSync(dataDir, { recursive: true, force: true });
});
