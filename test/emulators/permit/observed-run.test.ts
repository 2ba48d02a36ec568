import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, expect, it } from '@jest/globals';
import { execFile } from '../../support/child-process.ts';

const folder = mkdtempSync(join(tmpdir(), 'elp-documents-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A whole run of Jest, whose only suite asks emulators inside and outside of its process, and passes. */
function runAgainst(document: string): Promise<{ code?: number; stderr: string }> {
  const suite = ['--runInBand', '--testMatch', '<rootDir>/test/support/permit-observed-run.ts'];
  const flags = ['--conditions=source', '--experimental-vm-modules', '--no-warnings'];
  return execFile(process.execPath, [...flags, resolve('node_modules/jest/bin/jest.js'), ...suite], {
    env: { ...process.env, PERMIT_OPENAPI: document },
  }).catch((error: { code: number; stderr: string }) => error);
}

it('a call outside the document fails the run, whatever process answered it', async () => {
  const document = join(folder, 'empty.json');
  writeFileSync(document, JSON.stringify({ paths: {}, components: { schemas: {} } }));
  const { code, stderr } = await runAgainst(document);
  expect(stderr).toMatch(/^PASS /m);
  expect(stderr).toMatch(
    /GET \/v2\/api-key\/scope: not in the document\n {4}from \S+permit-observed-run\.ts/,
  );
  expect(stderr).toMatch(/GET \/v2\/projects: not in the document\n {4}from \S+permit-process-main\.ts/);
  expect(code).toBe(1);
}, 60_000);

it('without the document the run passes, and says what it left out', async () => {
  const { code, stderr } = await runAgainst(join(folder, 'none.json'));
  expect([code, stderr]).toEqual([undefined, expect.stringMatching(/^SKIPPED: .*none\.json$/m)]);
}, 60_000);
