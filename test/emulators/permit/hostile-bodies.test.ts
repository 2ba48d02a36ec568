import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { openPermitCaller, type PermitCaller } from '../../support/permit-caller.ts';

let dataDir: string;
let permit: PermitCaller;
beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'permit-emulator-'));
  permit = await openPermitCaller({ dataDir });
});
afterEach(async () => {
  await permit.close();
  rmSync(dataDir, { recursive: true });
});

const question =
  '"user":{"key":"alice0000000"},"action":"view","resource":{"type":"reports","tenant":"default"}';
const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`;

it('lives on after a body that no code could walk', async () => {
  for (const path of ['/allowed', '/access/v1/evaluation', '/user-permissions']) {
    const answer = await permit.call('POST', path, `{${question},"more":${nested(6000)}}`);
    expect(answer.status).toBe(400);
  }
  const user = await permit.call('POST', 'facts/users', `{"key":"deep","attributes":{"a":${nested(5000)}}}`);
  expect(user.status).toBe(422);
  const not = `${'{"not":'.repeat(1000)}{}${'}'.repeat(1000)}`;
  const set = `{"key":"deep","name":"Deep","type":"userset","conditions":${not}}`;
  expect((await permit.call('POST', 'schema/condition_sets', set)).status).toBe(422);
  const fault = `{"match":{"path":"/allowed"},"body":${nested(6000)},"delayMs":1}`;
  expect((await permit.call('POST', '/_emulator/faults', fault)).status).toBe(400);

  expect((await permit.call('GET', 'facts/users/deep')).status).toBe(404);
  expect((await permit.call('GET', 'facts/users')).body.total_count).toBe(7);
  expect((await permit.call('GET', '/_emulator/requests')).status).toBe(200);
  expect(await permit.allowed('alice0000000', 'view', { type: 'reports', tenant: 'default' })).toBe(true);
});

it('takes what is nested less deeply, and finds it again', async () => {
  expect((await permit.call('POST', '/allowed', `{${question},"more":${nested(126)}}`)).body.allow).toBe(
    true,
  );
  expect((await permit.call('POST', '/allowed', `{${question},"more":${nested(127)}}`)).status).toBe(400);
  const deep = `{"key":"deep","attributes":{"a":${nested(125)}}}`;
  expect((await permit.call('POST', 'facts/users', deep)).status).toBe(200);
  await permit.close();
  permit = await openPermitCaller({ dataDir });
  expect(JSON.stringify((await permit.call('GET', 'facts/users/deep')).body.attributes.a)).toBe(nested(125));
});
